//! Checks of access: changes need the admin token, and no client sees a secret.

use std::{collections::BTreeSet, fs, path::Path};

use crate::Answer;

/// The admin token in tests of secrets.
pub const TOKEN: &str = "MarkerOfTheToken7Qx";

/// A wrong token that clients present.
pub const WRONG_TOKEN: &str = "MarkerOfAnother9Zk";

/// Methods of requests that may change something.
const CHANGING: [&str; 8] = ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "MKCOL", "post"];

/// The paths of all endpoints in the sources of the service whose crate is in the folder `service`, and of the edge.
/// Panics at a route that is registered without `endpoint("...")` or `file!("...")`: this function would miss it.
pub fn registered_paths(service: impl AsRef<Path>) -> BTreeSet<String> {
    let service = service.as_ref();
    let mut paths = paths_below(&service.join("src"));
    paths.extend(paths_below(&service.join("../actors/edge/src")));
    paths
}

fn paths_below(folder: &Path) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(paths_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.extend(paths_in(&path));
        }
    }
    paths
}

fn paths_in(file: &Path) -> BTreeSet<String> {
    const OTHER_WAYS: [&str; 7] = [
        "web::resource(",
        "web::scope(",
        "web::post(",
        "web::put(",
        "#[post(",
        "#[put(",
        "#[route(",
    ];
    let source = fs::read_to_string(file).unwrap();
    // Skips documentation and tests, which register no routes.
    let source = source.split("#[cfg(test)]").next().unwrap();
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    if !file.ends_with("endpoint.rs") {
        for other in OTHER_WAYS {
            assert!(!code.contains(other), "{}: {other}...) is not seen", file.display());
        }
    }
    let calls = ["endpoint(\"", "file!(\""].into_iter();
    let rest = calls.flat_map(|call| code.split(call).skip(1));
    rest.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

/// Sets of `Authorization` headers that do not present `token`.
fn wrong_authorizations(token: &str) -> Vec<Vec<Vec<u8>>> {
    let right = format!("Bearer {token}");
    let one = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {WRONG_TOKEN}"),
        format!("Bearer {}", &token[1..]),
        format!("Bearer {}", &token[..token.len() - 1]),
        format!("Bearer {token}x"),
        format!("Bearer \"{token}\""),
        format!("Basic {token}"),
        token.to_owned(),
        right.to_uppercase(),
        format!("{right}, {right}"),
        "Bearer \u{e9}".to_owned(),
    ];
    let mut all: Vec<_> = one.into_iter().map(|value| vec![value.into_bytes()]).collect();
    all.push(Vec::new());
    all.push(vec![b"Bearer \xff\xfe".to_vec()]);
    // With several headers, a proxy in front may have checked another one.
    for second in [format!("Bearer {WRONG_TOKEN}"), right.clone()] {
        all.push(vec![right.clone().into_bytes(), second.into_bytes()]);
    }
    all
}

/// Requests each of `paths` with each changing method, without the token. Panics unless the answer is
/// a 401 that shows no token, or a 405. Returns the requests that would change something, such as `POST /reset`.
///
/// `ask` makes a request with this method, path and these `Authorization` headers.
pub async fn changes_that_need_the_token(
    token: &str,
    paths: &BTreeSet<String>,
    ask: impl AsyncFn(&str, &str, &[Vec<u8>]) -> Answer,
) -> BTreeSet<String> {
    let wrong = wrong_authorizations(token);
    let mut changes = BTreeSet::new();
    for path in paths {
        for method in CHANGING {
            for authorization in &wrong {
                let answer = ask(method, path, authorization).await;
                // The path does not take this method.
                if answer.status == 405 {
                    break;
                }
                let shown: Vec<_> =
                    authorization.iter().map(|value| String::from_utf8_lossy(value)).collect();
                let what = format!("{method} {path} {shown:?}: {answer:?}");
                assert_eq!(answer.status, 401, "{what}");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{what}");
                assert_eq!(answer.body["error"], "Unauthorized", "{what}");
                assert_shown_nowhere(&[token, WRONG_TOKEN], &[("the answer", &answer.text)]);
                changes.insert(format!("{method} {path}"));
            }
        }
    }
    changes
}

/// Panics if one of the texts, each with its name, contains one of the secrets in any case.
#[track_caller]
pub fn assert_shown_nowhere(secrets: &[&str], texts: &[(&str, &str)]) {
    for secret in secrets {
        let secret = secret.to_lowercase();
        for (what, text) in texts {
            let found = text.lines().find(|line| line.to_lowercase().contains(&secret));
            assert_eq!(found, None, "{secret} in {what}");
        }
    }
}
