//! The bound on an expression's cost is never lower than the cost. Every function and operator with a bound is evaluated at growing sizes,
//! and the bytes it allocates and the processor time it takes are compared with the bound.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// A counting allocator needs unsafe code; it forwards every call to the system's allocator.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use engine::query::{Expression, Intrinsic, JSONATA_FUNCTIONS, Moment, Roots, Scope};
use serde_json::{Map, Value, json};

struct Counting;

thread_local! {
    static ALLOCATED_BYTES: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATED_BYTES.try_with(|bytes| bytes.set(bytes.get() + layout.size() as u64));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let grown = size.saturating_sub(layout.size()) as u64;
        let _ = ALLOCATED_BYTES.try_with(|bytes| bytes.set(bytes.get() + grown));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

const MOMENT: Moment = Moment { now_ms: 1_700_000_000_000, entropy: 42 };
/// The most bytes allocated for each unit of the bound.
const BYTES_PER_UNIT_MAX: f64 = 6.0;
/// The most nanoseconds for each unit of the bound: far more than a release build takes.
const NANOSECONDS_PER_UNIT_MAX: f64 = 8.0;
/// The cost of the evaluator itself, independent of the expression.
const BYTES_BASE: f64 = 64_000.0;
const NANOSECONDS_BASE: f64 = 3_000_000.0;
/// The number of items of a list; strings have thirty-two times as many characters.
const SIZES: [usize; 2] = [150, 900];

/// A function that copies what a transform changes, and one that does not exist.
const OTHER_FUNCTIONS: &[&str] = &["clone", "unknown"];

fn all_functions() -> impl Iterator<Item = &'static &'static str> {
    JSONATA_FUNCTIONS.iter().chain(OTHER_FUNCTIONS)
}

/// Arguments of all kinds; the values of `$x` and `$y` grow.
const ARGUMENTS: &[&str] = &[
    "",
    "$x",
    "$x, $y",
    "$x, 'a'",
    "$x, ''",
    "$x, 1",
    "$x, 2, 3",
    "$x, 'SHA-512'",
    "2, $x",
    "[$x]",
    "[$x, $y]",
    "$x.a",
    "'a', $x",
];

/// Operators, paths, conditions, inline functions; the values of `$x` and `$y` grow.
const EXPRESSIONS: &[&str] = &[
    "$x",
    "$x.a",
    "$x.a.a.a",
    "$x.*",
    "$x.*.*",
    "$x[0]",
    "$x[-1]",
    "$x[a = 'b']",
    "$x[a = $y]",
    "$x[a in $y]",
    "$x[$ in $y]",
    "$x[$]",
    "$x[a]",
    "$x.{ 'a': a, 'b': $y }",
    "$x.[a, $y]",
    "$x.(a & $y)",
    "$x.(a & 'b')",
    "$x & $y",
    "$x & $x & $x",
    "$x = $y",
    "$x != $y",
    "$x < $y",
    "$x in $y",
    "$x in [$y]",
    "$x and $y",
    "$x or $y",
    "$x ? $y : $x",
    "$x ?: $y",
    "$x ?? $y",
    "[$x, $y, $x]",
    "{ 'a': $x, 'b': [$y] }",
    "-$x",
    "$x + $y",
    "$x^(a)",
    "$x^(>$)",
    "$x^(a, <b)",
    "($a := $x & $y; $a & $a)",
    "$map($x, function($v) { $v.a & 'b' })",
    "$map($x, function($v, $i, $all) { $i + $count($all) })",
    "$map($x, function($v) { [$v, $y] })",
    "$filter($x, function($v) { $v.a = $y })",
    "$map($x, function($v) { $map($v, function($w) { $w }) })",
    "$x.$string(a)",
    "$x.$keys($)",
    "$x[$contains($string(a), 'b')]",
    "$string($string($string($x)))",
    "$length($base64encode($base64encode($x)))",
    "$x[].a[]",
    "$merge($x.{ $string(a): 1 })",
    "$join($x.$string($), $y)",
    "$parse($string($x))",
    "$split($string($x), ',')",
];

fn shapes(size: usize) -> Vec<(&'static str, Value)> {
    let list = |item: &dyn Fn(usize) -> Value| Value::Array((0..size).map(item).collect());
    let characters = size * 32;
    vec![
        ("text", json!("a".repeat(characters))),
        ("control characters", json!("\u{1}".repeat(characters))),
        ("backslashes", json!("\\".repeat(characters))),
        ("long letters", json!("\u{149}\u{390}".repeat(characters / 4))),
        ("blanks", json!(" ".repeat(characters))),
        ("JSON", json!(format!("[{}0]", "0,".repeat(characters / 2)))),
        ("digits", json!("1".repeat(characters))),
        ("numbers", list(&|n| json!(n))),
        ("equal numbers", list(&|_| json!(0))),
        ("long numbers", list(&|n| json!(1.0e-7 / (n as f64 + 3.0)))),
        ("texts", list(&|n| json!(format!("{n:x}")))),
        ("texts alike", list(&|n| json!(format!("{}{n}", "a".repeat(40))))),
        ("objects", list(&|n| json!({ format!("{n:x}"): 1 }))),
        ("records", list(&|n| json!({ "a": format!("{n:x}"), "b": n }))),
        ("records of lists", list(&|n| json!({ "a": [n, 0, 0, 0] }))),
        ("lists", list(&|n| json!([n, n, n]))),
        ("empty lists", list(&|_| json!([]))),
        ("one object", Value::Object((0..size).map(|n| (format!("{n:x}"), json!(n))).collect())),
        ("nested", (0..100).fold(json!(0), |inner, _| json!({ "a": inner }))),
    ]
}

/// Processor time of this thread in nanoseconds.
fn processor_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
}

/// Allocated bytes and processor time of a call.
fn cost(call: impl FnOnce()) -> (f64, f64) {
    let (bytes, ns) = (ALLOCATED_BYTES.get(), processor_ns());
    call();
    ((ALLOCATED_BYTES.get() - bytes) as f64, (processor_ns() - ns) as f64)
}

/// The part of the cost that exceeds the bound, as a message.
fn excess(bound: f64, call: impl Fn()) -> Option<String> {
    // The minimum of several measurements, because the thread's time includes interrupts.
    let mut least = (f64::MAX, f64::MAX);
    for _ in 0..3 {
        let (bytes, ns) = cost(&call);
        least = (least.0.min(bytes), least.1.min(ns));
        if least.0 <= bound * BYTES_PER_UNIT_MAX + BYTES_BASE
            && least.1 <= bound * NANOSECONDS_PER_UNIT_MAX + NANOSECONDS_BASE
        {
            return None;
        }
    }
    Some(format!("{} bytes and {} ns, where the bound is {bound} units", least.0, least.1))
}

fn check(source: &str, expression: &Expression, scope: &Scope<'_>) -> Option<String> {
    let bound = expression.work_units_max(scope)?;
    // Above this bound no expression is evaluated in this process.
    if bound > 1_000_000_000 {
        return None;
    }
    excess(bound as f64, || drop(expression.evaluate_here(scope, &MOMENT))).map(|excess| format!("{source}: {excess}"))
}

fn check_all(sources: &[String]) {
    let expressions: Vec<_> =
        sources.iter().filter_map(|source| Some((source, Expression::parse(source).ok()?))).collect();
    let has_bound =
        |expression: &Expression| expression.work_units_max(&Scope { states: &Value::Null, variables: &[] }).is_some();
    let bounded: Vec<_> = expressions.iter().filter(|(_, expression)| has_bound(expression)).collect();
    assert!(bounded.len() > 40);
    let mut problems = Vec::new();
    for size in SIZES {
        let shapes = shapes(size);
        for (number, (name, x)) in shapes.iter().enumerate() {
            // The second value has the same shape, then another one.
            for (other, y) in [&shapes[number], &shapes[(number * 7 + 5) % shapes.len()]] {
                let variables = Map::from_iter([("x".to_owned(), x.clone()), ("y".to_owned(), y.clone())]);
                let scope = Scope { states: &Value::Null, variables: &[&variables] };
                let checked = bounded.iter().filter_map(|(source, expression)| check(source, expression, &scope));
                problems.extend(checked.map(|problem| format!("{name} and {other} of size {size}: {problem}")));
            }
        }
    }
    assert!(problems.is_empty(), "{}:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn no_function_costs_more_than_its_bound() {
    let calls = |name: &&str| ARGUMENTS.iter().map(|arguments| format!("${name}({arguments})")).collect::<Vec<_>>();
    check_all(&all_functions().flat_map(calls).collect::<Vec<_>>());
}

#[test]
fn no_operator_costs_more_than_its_bound() {
    check_all(&EXPRESSIONS.iter().map(|source| (*source).to_owned()).collect::<Vec<_>>());
}

/// Every function that counts as linear allocates at six times the size at most about six times as much.
#[test]
fn what_counts_as_linear_is() {
    let mut problems = Vec::new();
    for name in all_functions() {
        let Ok(expression) = Expression::parse(&format!("${name}($x)")) else { continue };
        if !expression.is_cheap() {
            continue;
        }
        let measured = SIZES.map(|size| {
            let costs = shapes(size).into_iter().map(|(_, x)| {
                let variables = Map::from_iter([("x".to_owned(), x)]);
                let scope = Scope { states: &Value::Null, variables: &[&variables] };
                cost(|| drop(expression.evaluate_here(&scope, &MOMENT))).0
            });
            costs.collect::<Vec<_>>()
        });
        let growth = SIZES[1] as f64 / SIZES[0] as f64;
        let grown = |small: &f64, large: &f64| *large > 1.25 * growth * small + BYTES_BASE;
        for (shape, (small, large)) in measured[0].iter().zip(&measured[1]).enumerate() {
            if grown(small, large) {
                problems.push(format!("${name} of shape {shape}: {small} bytes, then {large}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Calls of intrinsic functions have a budget instead of a bound: each is linear in its arguments.
#[test]
fn intrinsic_functions_are_linear() {
    const CALLS: &[&str] = &[
        "States.Format('{}', $.x)",
        "States.Format($.x)",
        "States.StringToJson($.x)",
        "States.JsonToString($.x)",
        "States.Array($.x, $.x)",
        "States.ArrayPartition($.x, 1)",
        "States.ArrayContains($.x, 'a')",
        "States.ArrayContains($.x, $.x)",
        "States.ArrayRange(1, 1000, 1)",
        "States.ArrayGetItem($.x, 1)",
        "States.ArrayLength($.x)",
        "States.ArrayUnique($.x)",
        "States.Base64Encode($.x)",
        "States.Base64Decode($.x)",
        "States.Hash($.x, 'SHA-512')",
        "States.JsonMerge($.x, $.x, false)",
        "States.MathRandom(1, 5)",
        "States.MathAdd(1, 2)",
        "States.StringSplit($.x, 'a,')",
        "States.StringSplit('a,b', $.x)",
        "States.UUID()",
    ];
    let mut problems = Vec::new();
    for size in SIZES {
        for (name, x) in shapes(size) {
            let units = (size * 100) as f64;
            let input = json!({ "x": x });
            let roots = Roots { input: &input, context: &Value::Null, variables: &[] };
            for call in CALLS {
                let intrinsic = Intrinsic::parse(call).unwrap();
                // Copies of paths and built results are both counted.
                if let Some(problem) = excess(units * 16.0, || drop(intrinsic.evaluate(&roots, &MOMENT))) {
                    problems.push(format!("{call} with {name} of size {size}: {problem}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
