//! The path of an endpoint as the document writes it.

/// The template of a pattern of actix: each parameter without its expression and without the `*` of a tail.
pub(crate) fn template(pattern: &str) -> String {
    let mut template = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, parameter)) = rest.split_once('{') {
        let end = end_of_parameter(parameter);
        let name = parameter[..end].split(':').next().unwrap_or_default();
        template.extend([before, "{", name, "}"]);
        let after = parameter.get(end + 1..).unwrap_or_default();
        rest = after.strip_prefix('*').unwrap_or(after);
    }
    template + rest
}

/// The names of the parameters of a template.
pub(super) fn parameters(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split('}').next())
}

/// Where the parameter ends whose opening brace is left out. Its expression may have braces.
fn end_of_parameter(parameter: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in parameter.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    parameter.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_lose_their_expressions_and_tails_their_star() {
        for (pattern, expected, names) in [
            ("/health", "/health", vec![]),
            ("/cups/{name}", "/cups/{name}", vec!["name"]),
            ("/dashboard/{file}*", "/dashboard/{file}", vec!["file"]),
            ("/a/{n:[a-z]{1,3}}/b{rest:(/.*)?}", "/a/{n}/b{rest}", vec!["n", "rest"]),
        ] {
            let template = template(pattern);
            assert_eq!(template, expected);
            assert_eq!(parameters(&template).collect::<Vec<_>>(), names);
        }
    }
}
