//! No expression that can exhaust the memory or never end counts as bounded. `engine/tests/growth.rs` measures the real cost of each
//! function.
#![allow(clippy::unwrap_used)]

use super::*;

fn growth(source: &str) -> ExpressionGrowth {
    ExpressionGrowth::of(&jsonata_core::parser::parse(source).unwrap())
}

#[test]
fn what_most_definitions_say_is_cheap() {
    for source in [
        "$states.input.a.b[0]",
        "$states.input.list[-1]",
        "$states.input.list[id = 'x'].name",
        "$x[kind = 'a' and size > 3]",
        "$x[id = $wanted]",
        "'https://' & $host & ':' & $string($port)",
        "$count($states.input.list) > 3 and $not($exists($states.input.b))",
        "$states.input.a ? { 'a': [1, $x] } : null",
        "($x + 1) * 2",
        "$list.{ 'id': id, 'kind': 'b' }",
        "$merge([$states.input, { 'a': 1 }])",
        "($a := $states.input.a; $a = 'x')",
        "$now()",
    ] {
        assert!(growth(source).is_cheap(), "{source}: {:?}", growth(source));
    }
}

#[test]
fn what_grows_faster_than_what_it_sees_is_evaluated_here_only_where_that_is_little() {
    for source in [
        "$keys($list)",
        "$distinct($list)",
        "$list[id in $list.id]",
        "$list.{ 'id': id, 'all': $x }",
        "$map($list, function($v) { $v.a & $x })",
        "$map($list, function($v, $i, $all) { $count($all) })",
        "$join($list, $x)",
        "$list[flags]",
    ] {
        let growth = growth(source);
        let units_max = growth.scope_units_max().unwrap_or_else(|| panic!("{source}"));
        assert!((500..1_000_000).contains(&units_max), "{source}: {growth:?}");
    }
}

#[test]
fn a_chain_of_functions_that_lengthen_their_argument_grows_with_its_length() {
    let chain = |function: &str, length: usize| {
        let call = format!("${function}(");
        growth(&format!("{}$x{}", call.repeat(length), ")".repeat(length)))
    };
    assert!(chain("base64encode", 1).scope_units_max().unwrap() > 300_000);
    assert!(chain("base64encode", 40).scope_units_max().is_none_or(|units| units < 100));
    let texts: Vec<_> = (0..60).map(|_| "$x").collect();
    assert!(growth(&texts.join(" & ")).scope_units_max().unwrap() < 2_000);
}

#[test]
fn what_has_no_bound_is_never_evaluated_here() {
    for source in [
        "$pad('x', 1e9)",
        "$replace($x, 'a', $x)",
        "[1..1e6]",
        "$range(1, 1e6, 1)",
        "($f := function($n){ $f($n) }; $f(1))",
        "($length := $pad; $length('a', 1e9))",
        "($length := function($x){ $pad($x, 1e9) }; $length('a'))",
        "$map($list, function($length) { $length('a', 1e9) })",
        "$map($list, $string)",
        "$reduce($list, function($a, $b) { $a & $a })",
        "$count($list@$a.$list@$b)",
        "$list#$i[$i = 1]",
        "$x.list.id.(%.name)",
        "$states.**",
        "$list{ a: b }",
        "$states ~> |a|{}|",
        "$x ~> $string",
        "$match($x, /a*/)",
        "$contains($x, /a*/)",
        "$split($x, /a*/)",
        "$formatInteger($x, 'I')",
        "$fromMillis(1, $x)",
        "$sift($x, function($v) { true })",
        "$each($x, function($v) { $x })",
        "$sort($list, function($a, $b) { true })",
        "$zip($list, $list)",
        "$string($x, true)",
        "function($x) { $x }($x)",
        "$unknown($x)",
        "$list.($list.($list.($list)))",
    ] {
        assert_eq!(growth(source).scope_units_max(), None, "{source}");
    }
}

#[test]
fn sizes_are_counted_up_to_a_limit() {
    let value = serde_json::json!({ "ab": ["cde", 1] });
    assert_eq!(add_units(0, &value, u64::MAX), 7 * 32 + 5);
    assert!(add_units(0, &serde_json::json!(vec![0; 1_000]), 100) < 40_000);
}
