//! The attributes of HTML elements.

/// Elements that may be navigation or a footer.
const CONTAINERS: [&str; 7] = ["div", "section", "ol", "ul", "p", "span", "table"];

/// The value of an attribute. `tag` is what is between the angle brackets.
pub(super) fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    // The lower-case text has the same offsets.
    let lower = tag.to_ascii_lowercase();
    let is_name = |at: usize| {
        let after = lower[at + name.len()..].trim_start();
        lower[..at].ends_with(char::is_whitespace) && after.starts_with('=')
    };
    let at = lower.match_indices(name).map(|(at, _)| at).find(|at| is_name(*at))?;
    let value = tag[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
    match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next(),
        _ => value.split_whitespace().next(),
    }
}

/// Whether an element is a table of contents, breadcrumbs, a footer or the like, by its id and its classes.
pub(super) fn is_navigation(name: &str, tag: &str) -> bool {
    let is_navigation = |word: &str| {
        let word = word.to_ascii_lowercase();
        ["toc", "footer", "navbar", "navigation", "page-metadata", "tableofcontents", "table-of-contents"]
            .contains(&word.as_str())
            || ["toc-", "toc_", "breadcrumb", "footer-"].iter().any(|start| word.starts_with(start))
            || word.contains("toc-macro")
    };
    let mut words = ["id", "class"].into_iter().filter_map(|name| attribute(tag, name)).flat_map(str::split_whitespace);
    CONTAINERS.contains(&name) && words.any(is_navigation)
}

/// The language that an element names for its code: `language-sh`, `brush: bash`; empty without one.
pub(super) fn language(tag: &str) -> String {
    let class = attribute(tag, "class").unwrap_or_default();
    let brush = [class, attribute(tag, "data-syntaxhighlighter-params").unwrap_or_default()]
        .into_iter()
        .find_map(|text| text.split_once("brush:"))
        .map(|(_, brush)| brush.trim_start().split([';', ' ']).next().unwrap_or_default());
    match brush {
        // The wiki names this language for code without one.
        Some("java") => String::new(),
        Some(brush) => brush.to_owned(),
        None => {
            let named = class
                .split_whitespace()
                .find_map(|word| word.strip_prefix("language-").or_else(|| word.strip_prefix("lang-")));
            named.unwrap_or_default().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_say_what_an_element_is() {
        assert_eq!(attribute("a data-href=\"no\" HREF = 'x y' class=b", "href"), Some("x y"));
        assert_eq!(attribute("ol start=3 reversed", "start"), Some("3"));
        assert_eq!(attribute("a", "href"), None);
        assert!(is_navigation("div", "div class=\"x toc-macro\"") && is_navigation("ol", "ol id=breadcrumbs"));
        assert!(
            !is_navigation("body", "body class=\"toc\"") && !is_navigation("div", "div class=\"stock with-footer\"")
        );
        assert_eq!(language("code class=\"x language-sh\""), "sh");
        assert_eq!(language("pre class=\"brush: yml; gutter: false\""), "yml");
        assert_eq!(
            (language("pre class=\"sh\""), language("pre class=\"brush: java\"")),
            (String::new(), String::new())
        );
    }
}
