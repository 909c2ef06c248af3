//! Finds commands that begin a session, such as `ssh HOST` or `psql`: a person types the lines after them there, not on this machine.

/// Programs that read commands from the terminal, each with the options with which it executes a command or a file and ends.
const INTERACTIVE: [(&str, &[&str]); 15] = [
    ("psql", &["-c", "--command", "-f", "--file", "-l", "--list", "-V", "--version"]),
    ("mysql", &["-e", "--execute", "-V", "--version"]),
    ("mariadb", &["-e", "--execute", "-V", "--version"]),
    ("sqlplus", &["-V"]),
    ("mongo", &["--eval", "--version"]),
    ("mongosh", &["--eval", "--file", "-f", "--version"]),
    ("cqlsh", &["-e", "--execute", "-f", "--file", "--version"]),
    ("sftp", &["-b"]),
    ("ftp", &[]),
    ("telnet", &[]),
    ("su", &["-c", "--command"]),
    ("login", &[]),
    ("chroot", &[]),
    ("newgrp", &[]),
    ("script", &["-c", "--command"]),
];
/// Programs that begin a session unless an argument names a script or one of these options is given.
const INTERPRETERS: [(&str, &[&str]); 7] = [
    ("python", &["-c", "-m", "-V", "--version"]),
    ("python3", &["-c", "-m", "-V", "--version"]),
    ("node", &["-e", "-p", "--eval", "--print", "-v", "--version"]),
    ("irb", &["--version"]),
    ("bash", &["-c", "--version"]),
    ("sh", &["-c"]),
    ("zsh", &["-c", "--version"]),
];
const CONTAINERS: [&str; 7] = ["kubectl", "oc", "docker", "podman", "nerdctl", "docker-compose", "crictl"];
/// The words before a command that leave it the same.
const PREFIXES: [&str; 6] = ["exec", "time", "command", "nohup", "env", "$"];

/// The options that have a value in the next word.
const OF_SSH: [&str; 20] = [
    "-B", "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-o", "-p", "-R", "-S", "-W", "-w",
    "-Q",
];
const OF_SUDO: [&str; 10] = ["-u", "-g", "-h", "-p", "-U", "-C", "-D", "-R", "-T", "-r"];
const OF_REDIS: [&str; 10] = ["-h", "-p", "-a", "-n", "-u", "-s", "--user", "--pass", "--cacert", "--cert"];

/// Whether a line of a shell begins a session. The input of a program may come from a pipe or a file instead.
pub(super) fn begins_session(line: &str) -> bool {
    let line = line.trim();
    if line.starts_with('#') || line.contains('<') {
        return false;
    }
    let alone = line.replace("||", ";").replace('&', ";");
    let mut parts = alone.split(';').filter_map(|part| part.split('|').next());
    parts.any(|part| is_session(&part.split_whitespace().collect::<Vec<_>>()))
}

fn is_session(words: &[&str]) -> bool {
    let Some((first, arguments)) = words.split_first() else { return false };
    let is_variable = first.split_once('=').is_some_and(|(name, _)| !name.is_empty() && !name.contains(['/', '-']));
    if is_variable || PREFIXES.contains(first) {
        return is_session(arguments);
    }
    let program = first.rsplit('/').next().unwrap_or_default();
    match program {
        "sudo" | "doas" => match after_options(arguments, &OF_SUDO) {
            (options, []) => {
                has_letter(options, "is") || options.iter().any(|one| ["--login", "--shell"].contains(one))
            }
            (_, command) => is_session(command),
        },
        "ssh" => {
            let Some((_host, rest)) = after_options(arguments, &OF_SSH).1.split_first() else { return false };
            // Options may follow the host too.
            let command = after_options(rest, &OF_SSH).1;
            command.is_empty() || is_session(command)
        }
        "aws" => arguments.starts_with(&["ssm", "start-session"]) || arguments.starts_with(&["ecs", "execute-command"]),
        "gcloud" => arguments.contains(&"ssh") && !has_option(arguments, &["--command"]),
        "vagrant" => arguments.contains(&"ssh") && !has_option(arguments, &["-c", "--command"]),
        _ if CONTAINERS.contains(&program) => is_session_in_container(arguments),
        "redis-cli" if !after_options(arguments, &OF_REDIS).1.is_empty() => false,
        "redis-cli" => !has_option(arguments, &["-v", "--version", "--scan", "--eval", "--rdb"]),
        _ => {
            let is_script = arguments.iter().any(|one| !one.starts_with('-'));
            let of = |programs: &[(&str, &[&str])]| {
                programs.iter().any(|(name, ends)| *name == program && !has_option(arguments, ends))
            };
            of(&INTERACTIVE) || !is_script && of(&INTERPRETERS)
        }
    }
}

/// Whether a command gives a container this terminal.
fn is_session_in_container(arguments: &[&str]) -> bool {
    const TERMINAL: [&str; 3] = ["--stdin", "--tty", "--interactive"];
    let own: Vec<&str> = arguments.iter().copied().take_while(|word| *word != "--").collect();
    let has = |word: &str| own.contains(&word);
    let runs = has("exec") || has("run") || has("debug");
    has("attach") || has("rsh") || runs && (has_letter(&own, "it") || has_option(&own, &TERMINAL))
}

/// The options at the start of arguments, and what follows them. Some have a value in the next word.
fn after_options<'a, 'w>(arguments: &'a [&'w str], with_value: &[&str]) -> (&'a [&'w str], &'a [&'w str]) {
    let mut at = 0;
    while let Some(option) = arguments.get(at).filter(|word| word.starts_with('-') && **word != "-") {
        at += if with_value.contains(option) { 2 } else { 1 };
    }
    arguments.split_at(at.min(arguments.len()))
}

/// Whether a group of options such as `-it` consists of some of these letters.
fn has_letter(options: &[&str], letters: &str) -> bool {
    let group = |option: &&str| option.strip_prefix('-').filter(|group| !group.is_empty()).map(str::to_owned);
    options.iter().filter_map(group).any(|group| group.chars().all(|letter| letters.contains(letter)))
}

/// Whether an argument begins with one of these options.
fn has_option(arguments: &[&str], options: &[&str]) -> bool {
    arguments.iter().any(|argument| options.iter().any(|option| argument.starts_with(option)))
}

#[cfg(test)]
mod tests {
    use super::begins_session;

    #[test]
    fn lines_after_these_commands_are_typed_elsewhere() {
        for line in [
            "ssh $NODE",
            "ssh -i key.pem -p 2222 ubuntu@web-1 -A",
            "ssh web-1 sudo -i",
            "cd x && ssh bastion",
            "sudo -i",
            "sudo su -",
            "su - postgres",
            "sudo -u postgres psql",
            "PGHOST=db psql -U app orders",
            "kubectl exec -it db-0 -- bash",
            "kubectl -n app exec --stdin --tty db-0 -- sh",
            "docker exec -it db mysql",
            "docker run --rm -it alpine",
            "mysql -u root -p",
            "redis-cli -h cache",
            "python3",
            "/usr/bin/python",
            "sudo bash",
            "ssh web-1 | tee log",
        ] {
            assert!(begins_session(line), "{line}");
        }
        for line in [
            "ssh web-1 uptime",
            "ssh -V",
            "ssh web-1 'sudo reboot'",
            "ssh web-1 <<EOF",
            "ssh-keygen -f key",
            "sudo systemctl stop w",
            "su postgres -c 'pg_ctl stop'",
            "psql -c 'select 1'",
            "psql orders < dump.sql",
            "echo 'select 1' | psql",
            "kubectl exec db-0 -- pg_isready",
            "kubectl get nodes",
            "docker run --rm alpine true",
            "mysql -e 'show databases'",
            "redis-cli -h cache ping",
            "python3 migrate.py",
            "bash deploy.sh",
            "python -m http.server",
            "# ssh web-1",
            "",
        ] {
            assert!(!begins_session(line), "{line}");
        }
    }
}
