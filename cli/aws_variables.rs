//! AWS's variables that decide which credentials a command uses.

/// The profile of `AWS_PROFILE`. The keys of the environment come before it, as in the AWS command line (AWS CLI User Guide,
/// "Configuration settings and precedence"): with them it is `None`.
pub fn profile() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let has_keys = variable("AWS_ACCESS_KEY_ID").is_some() && variable("AWS_SECRET_ACCESS_KEY").is_some();
    variable("AWS_PROFILE").filter(|_| !has_keys)
}
