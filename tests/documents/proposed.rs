//! The commands that the program proposes: its own parser understands each of them.

use std::fs;

use proc_macro2::{TokenStream, TokenTree};

use super::{
    commands::{Written, check},
    files, shown,
};

/// The replacement of a placeholder of a format string.
const VALUE: &str = "x";

/// The words that continue a sentence after a command.
const PROSE: [&str; 17] = [
    "and",
    "answers",
    "as",
    "calls",
    "continues",
    "did",
    "does",
    "for",
    "is",
    "leads",
    "lists",
    "or",
    "reads",
    "shows",
    "starts",
    "with",
    "writes",
];

/// The string literals of a source, without those of its unit tests and of its comments.
fn literals(source: &str) -> Vec<String> {
    let code = source.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut found = Vec::new();
    collect(code.join("\n").parse().unwrap(), &mut found);
    found
}

fn collect(tokens: TokenStream, found: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Literal(literal) => {
                if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                    found.push(text.value());
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// A format string with a word for each placeholder; nothing for one that continues a word, such as `{OPTIONS}`.
fn filled(format: &str) -> String {
    let format = format.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let (mut filled, mut rest) = (String::new(), format.as_str());
    while let Some((before, after)) = rest.split_once('{') {
        let Some((_, after)) = after.split_once('}') else { break };
        filled.push_str(before);
        if !filled.ends_with(|last: char| !" =\n(/".contains(last)) {
            filled.push_str(VALUE);
        }
        rest = after;
    }
    filled.push_str(rest);
    filled.replace('\u{1}', "{").replace('\u{2}', "}")
}

/// The commands that a format string proposes. A command begins the text or a line, or follows three spaces or a colon; variables of the
/// environment may be before it, and a sentence may continue after it.
fn proposed(format: &str) -> Vec<String> {
    let filled = filled(format);
    let parts = filled.lines().flat_map(|line| line.split("   ")).flat_map(|part| part.split(": "));
    parts.filter_map(|part| command(part.trim())).collect()
}

fn command(part: &str) -> Option<String> {
    let is_variable = |word: &&str| word.starts_with("FLOW_") || word.contains('=');
    let part: Vec<&str> = part.split(' ').skip_while(is_variable).collect();
    let part = part.join(" ");
    let end = [", ", "; ", ". "].iter().filter_map(|end| part.find(end)).min().unwrap_or(part.len());
    let words: Vec<&str> = part[..end].split(' ').take_while(|word| !PROSE.contains(word)).collect();
    let is_command = words[..].starts_with(&["flow"]) && words.get(1).is_some_and(|verb| *verb != VALUE);
    is_command.then(|| words.join(" ").trim_end_matches(['.', ',', ':', ';']).to_owned())
}

#[test]
fn every_command_that_the_program_proposes_is_understood() {
    let (mut problems, mut count) = (Vec::new(), 0);
    for room in ["api", "cli", "deploy", "steps"] {
        for file in files(room, "rs").iter().filter(|file| !shown(file).contains("/tests")) {
            let commands = literals(&fs::read_to_string(file).unwrap()).into_iter().flat_map(|text| proposed(&text));
            let lines: Vec<_> = commands.map(|command| (Written::InBlock, command)).collect();
            count += check(&shown(file), &lines, &mut problems);
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 150, "{count}");
}

#[test]
fn a_proposed_command_has_a_word_for_each_placeholder_and_ends_where_the_sentence_continues() {
    assert_eq!(proposed("To continue:   flow resume {id}{OPTIONS}   , or wait"), ["flow resume x"]);
    assert_eq!(proposed("nothing drives it: flow status {}{OPTIONS} shows it"), ["flow status x"]);
    assert_eq!(proposed("FLOW_FILES=/a flow run{file} --set a={b}; flow on"), ["flow run --set a=x"]);
    assert_eq!(proposed("flow signal {} {} --success '{{}}'{OPTIONS}"), ["flow signal x x --success '{}'"]);
    assert!(proposed("flow {name}").is_empty() && proposed("the command flow run").is_empty());
}
