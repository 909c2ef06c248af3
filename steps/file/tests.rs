//! A step reaches only files that its operator allows, writes a file completely or not at all, and always answers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
};

use serde_json::json;

use super::*;

/// A folder for the steps, and one that they may not use.
struct World {
    _directory: tempfile::TempDir,
    files: PathBuf,
    outside: PathBuf,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (files, outside) = (directory.path().join("files"), directory.path().join("outside"));
        fs::create_dir(&files).unwrap();
        fs::create_dir(&outside).unwrap();
        World { _directory: directory, files, outside }
    }

    fn settings(&self) -> Arc<LocalSettings> {
        Arc::new(LocalSettings { files: Some(self.files.clone()), ..LocalSettings::default() })
    }

    async fn read(&self, path: &str) -> std::result::Result<String, StepError> {
        let input = Read { path: path.to_owned() };
        match read(self.settings(), StepContext::for_test(""), input).await? {
            Answer::Done(done) => Ok(done.output),
            Answer::Pending(_) => panic!("it is pending"),
        }
    }

    async fn write(&self, path: &str, results: Value) -> std::result::Result<ChangeAction, StepError> {
        let input = Write { path: path.to_owned(), results };
        match write(self.settings(), StepContext::for_test(""), input).await? {
            Answer::Done(done) => Ok(done.changes[0].action),
            Answer::Pending(_) => panic!("it is pending"),
        }
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }
}

#[test]
fn a_path_that_leads_out_of_the_folder_by_its_spelling_is_refused() {
    let folder = Path::new("/srv/data");
    assert_eq!(below(folder, "a/./b.csv"), Ok(PathBuf::from("a/b.csv")));
    assert_eq!(below(folder, "/srv/data/c.json"), Ok(PathBuf::from("c.json")));
    for path in ["../secret", "/etc/passwd", "a/../../b", "", ".", "/srv/data", "/srv/data2/a"] {
        assert!(below(folder, path).is_err(), "{path}");
    }
}

#[tokio::test]
async fn what_was_written_is_read_and_no_other_file_is_touched() {
    let world = World::new();
    fs::write(world.files.join("report.new"), "mine").unwrap();
    assert_eq!(world.write("report.json", json!({ "a": 1 })).await.unwrap(), ChangeAction::Created);
    assert_eq!(world.write("report.json", json!({ "a": 2 })).await.unwrap(), ChangeAction::Updated);
    assert_eq!(world.read("file:report.json").await.unwrap(), r#"{"a":2}"#);
    assert_eq!(fs::read_to_string(world.files.join("report.new")).unwrap(), "mine");
    assert_eq!(world.names(&world.files), ["report.json", "report.new"]);
}

#[tokio::test]
async fn missing_folders_are_made() {
    let world = World::new();
    assert_eq!(world.write("a/b/c.json", json!(1)).await.unwrap(), ChangeAction::Created);
    assert_eq!(world.write("a/b/d.json", json!(2)).await.unwrap(), ChangeAction::Created);
    assert_eq!(world.names(&world.files.join("a/b")), ["c.json", "d.json"]);
}

#[tokio::test]
async fn writers_at_once_each_leave_their_own_content() {
    let world = World::new();
    let names: Vec<String> = (0..200).map(|number| format!("d/{}.{}", number / 8, number % 8)).collect();
    let writes = names.iter().map(|name| {
        let (input, settings) = (Write { path: name.clone(), results: json!(name) }, world.settings());
        tokio::spawn(write(settings, StepContext::for_test(""), input))
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
    for name in &names {
        assert_eq!(world.read(name).await.unwrap(), json!(name).to_string());
    }
    assert_eq!(world.names(&world.files.join("d")).len(), 200, "no temporary file is left");
}

#[tokio::test]
async fn writers_of_one_file_at_once_leave_the_content_of_one() {
    let world = World::new();
    let content = |number: usize| json!(number.to_string().repeat(20_000));
    let writes = (0..8).map(|number| {
        let input = Write { path: "one".to_owned(), results: content(number) };
        tokio::spawn(write(world.settings(), StepContext::for_test(""), input))
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
    let read: Value = serde_json::from_str(&world.read("one").await.unwrap()).unwrap();
    assert!((0..8).any(|number| read == content(number)));
    assert_eq!(world.names(&world.files), ["one"]);
}

#[tokio::test]
async fn a_link_does_not_lead_out_of_the_folder() {
    let world = World::new();
    fs::write(world.outside.join("secret"), "TOP SECRET").unwrap();
    symlink(world.outside.join("secret"), world.files.join("link")).unwrap();
    symlink("../outside/secret", world.files.join("relative")).unwrap();
    symlink(&world.outside, world.files.join("folder")).unwrap();
    symlink("/proc/self/root", world.files.join("root")).unwrap();
    for path in ["link", "relative", "folder/secret", "root/etc/passwd"] {
        let error = world.read(path).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permission, "{path}: {error}");
        assert!(error.cause.contains("leads out of"), "{error}");
    }
    for path in ["link", "relative", "folder/new", "folder/more/new"] {
        let error = world.write(path, json!(1)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Permission, "{path}: {error}");
    }
    assert_eq!(world.names(&world.outside), ["secret"]);
    assert_eq!(fs::read_to_string(world.outside.join("secret")).unwrap(), "TOP SECRET");
}

#[tokio::test]
async fn a_link_inside_the_folder_is_followed_and_its_target_is_not_written() {
    let world = World::new();
    fs::create_dir(world.files.join("old")).unwrap();
    fs::write(world.files.join("old/a"), "1").unwrap();
    symlink("old/a", world.files.join("a")).unwrap();
    symlink("old", world.files.join("new")).unwrap();
    assert_eq!(world.read("a").await.unwrap(), "1");
    assert_eq!(world.read("new/a").await.unwrap(), "1");
    world.write("a", json!(2)).await.unwrap();
    world.write("new/b", json!(3)).await.unwrap();
    assert_eq!(world.names(&world.files.join("old")), ["a", "b"]);
    assert_eq!((world.read("a").await.unwrap(), world.read("old/a").await.unwrap()), ("2".into(), "1".into()));
}

#[tokio::test]
async fn a_large_file_is_refused_by_its_length() {
    let world = World::new();
    File::create(world.files.join("large")).unwrap().set_len(READ_BYTES_MAX + 1).unwrap();
    let error = world.read("large").await.unwrap_err();
    assert_eq!(error.error_name(), error_names::ITEM_READER_FAILED);
    assert!(error.cause.contains("more than 134217728 bytes"), "{error}");
    File::create(world.files.join("small")).unwrap().set_len(1 << 20).unwrap();
    assert_eq!(world.read("small").await.unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn a_named_pipe_a_socket_and_a_folder_are_refused_at_once() {
    let world = World::new();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        world.files.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(world.files.join("socket")).unwrap();
    fs::create_dir(world.files.join("folder")).unwrap();
    for path in ["pipe", "socket", "folder"] {
        for error in [world.read(path).await.unwrap_err(), world.write(path, json!(1)).await.unwrap_err()] {
            assert!(error.cause.contains("not a regular file"), "{path}: {error}");
        }
    }
    assert_eq!(world.names(&world.files), ["folder", "pipe", "socket"]);
}

#[tokio::test]
async fn a_missing_file_and_one_that_is_no_text_are_named() {
    let world = World::new();
    fs::write(world.files.join("bytes"), [0xff, 0xfe]).unwrap();
    let cause = async |path: &str| world.read(path).await.unwrap_err().cause;
    assert!(cause("missing").await.starts_with("missing: No such file"));
    assert_eq!(cause("bytes").await, "bytes: it is not a text in UTF-8");
    assert_eq!(world.read("bytes").await.unwrap_err().error_name(), error_names::ITEM_READER_FAILED);
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_named() {
    let world = World::new();
    fs::remove_dir(&world.files).unwrap();
    let expected = format!(
        "a.json: the folder in FLOW_FILES, {}, cannot be used: No such file or directory",
        world.files.display()
    );
    let waited = length(&world.settings(), "e-1", "a.json").await.unwrap_err();
    for error in [world.read("a.json").await.unwrap_err(), world.write("a.json", json!(1)).await.unwrap_err(), waited] {
        assert!(error.cause.starts_with(&expected), "{error}");
    }
}

#[tokio::test]
async fn without_a_folder_nothing_is_read() {
    let input = Read { path: "a".to_owned() };
    let error = read(Arc::default(), StepContext::for_test(""), input).await.unwrap_err();
    assert!(error.cause.contains("FLOW_FILES names none"), "{error}");
}
