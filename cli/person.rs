//! The person who runs a command, as recorded in the history.

pub mod question;
pub mod token_file;

use std::{env, fs, os::unix::fs::MetadataExt, path::Path};

use engine::{journal::Signaller, store::LockOwner};

use crate::{
    shell::{option, quote_word},
    this_process,
};

/// The user of this process. With sudo it is the user who called sudo, so that people who share an account are distinguished.
pub fn signaller(comment: Option<String>) -> Signaller {
    let LockOwner { user, host, .. } = LockOwner::this_process(this_process::command());
    let user = variable("SUDO_USER").unwrap_or(user);
    let host = match variable("SSH_CONNECTION").as_deref().and_then(|connection| connection.split(' ').next()) {
        Some(address) => format!("{host} (over SSH from {address})"),
        None => host,
    };
    Signaller { user, host, comment }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The groups of a user in this machine's tables (passwd(5), group(5)).
pub fn groups(user: &str) -> Vec<String> {
    let table = |file: &str| fs::read_to_string(file).unwrap_or_default();
    groups_in(user, &table("/etc/passwd"), &table("/etc/group"))
}

fn groups_in(user: &str, passwd: &str, group: &str) -> Vec<String> {
    let primary = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|row| row.first() == Some(&user));
    let primary = primary.and_then(|row| row.get(3).map(|id| (*id).to_owned()));
    let is_member = |row: &[&str]| {
        let by_id = row.get(2).is_some_and(|id| Some(*id) == primary.as_deref());
        by_id || row.get(3).is_some_and(|members| members.split(',').any(|member| member == user))
    };
    let rows = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    rows.filter(|row| is_member(row)).filter_map(|row| row.first().map(|name| (*name).to_owned())).collect()
}

/// The user who owns a folder, or the closest folder above it that this process can see: the name, or `#` and the number of a user
/// without a name.
pub fn owner_of(folder: &Path) -> Option<String> {
    let uid = folder.ancestors().find_map(|folder| fs::metadata(folder).ok())?.uid();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(name_in(uid, &passwd).unwrap_or_else(|| format!("#{uid}")))
}

fn name_in(uid: u32, passwd: &str) -> Option<String> {
    let uid = uid.to_string();
    let mut rows = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let row = rows.find(|row| row.get(2).is_some_and(|id| **id == uid))?;
    row.first().map(|name| (*name).to_owned())
}

/// This command as another user runs it through sudo: in this home, as the home's owner. The history names the user who called
/// sudo.
pub fn command_as_owner(home: &Path) -> Option<String> {
    let words: Vec<String> = env::args().skip(1).collect();
    Some(as_owner(&owner_of(home)?, &words, home))
}

/// The command through sudo. Its home is before `--`, after which a word is no option.
fn as_owner(owner: &str, words: &[String], home: &Path) -> String {
    let options = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let (options, others) = words.split_at(options);
    let names_home = options.iter().any(|word| word == "--home" || word.starts_with("--home="));
    let home_option = if names_home { String::new() } else { option("home", &home.to_string_lossy()) };
    let quoted = |words: &[String]| words.iter().map(|word| format!(" {}", quote_word(word))).collect::<String>();
    format!("sudo -u {} flow{}{home_option}{}", quote_word(owner), quoted(options), quoted(others))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{as_owner, groups_in, name_in};

    #[test]
    fn a_command_through_sudo_has_its_home_before_the_words_that_are_no_options() {
        let command = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            as_owner("ann", &words, Path::new("/h o"))
        };
        assert_eq!(command("approve r-1 Ask"), "sudo -u ann flow approve r-1 Ask --home '/h o'");
        assert_eq!(command("approve -- @latest"), "sudo -u ann flow approve --home '/h o' -- @latest");
        assert_eq!(command("approve --home /x -- r-1"), "sudo -u ann flow approve --home /x -- r-1");
        assert_eq!(command("approve -- --home=x"), "sudo -u ann flow approve --home '/h o' -- --home=x");
    }

    #[test]
    fn a_user_is_named_by_the_table() {
        let passwd = "root:x:0:0::/:/bin/sh\nann:x:1000:100:Ann:/home/ann:/bin/sh\n";
        assert_eq!(name_in(1000, passwd).as_deref(), Some("ann"));
        assert_eq!(name_in(100, passwd), None);
    }

    #[test]
    fn a_user_has_the_primary_group_and_those_that_list_the_user() {
        let passwd = "root:x:0:0::/:/bin/sh\nann:x:1000:100:Ann:/home/ann:/bin/sh\n";
        let group = "root:x:0:\nusers:x:100:\nops:x:200:bob,ann\nanna:x:201:anna\n";
        assert_eq!(groups_in("ann", passwd, group), ["users", "ops"]);
        assert_eq!(groups_in("nobody", passwd, group), [""; 0]);
    }
}
