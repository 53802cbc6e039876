use super::*;

const SOON: Duration = Duration::from_secs(10);

async fn next(changes: &mut Changes) -> Vec<PathBuf> {
    let next = tokio::time::timeout(SOON, changes.next());
    next.await.expect("a change is noticed").expect("watching")
}

#[tokio::test]
async fn a_save_is_noticed_however_the_editor_saves() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let file = folder.join("index.mjs");
    fs::write(&file, "1").unwrap();
    let (watched, mut changes) = start().unwrap();
    watched.add(&file);
    fs::write(&file, "2").unwrap();
    assert_eq!(next(&mut changes).await, std::slice::from_ref(&file));
    fs::write(folder.join("other"), "3").unwrap();
    fs::rename(folder.join("other"), &file).unwrap();
    assert_eq!(next(&mut changes).await, std::slice::from_ref(&file));
    fs::remove_file(&file).unwrap();
    assert_eq!(next(&mut changes).await, std::slice::from_ref(&file));
    fs::write(&file, "4").unwrap();
    assert_eq!(next(&mut changes).await, std::slice::from_ref(&file));
    fs::remove_file(&file).unwrap();
    fs::write(&file, "5").unwrap();
    assert_eq!(next(&mut changes).await, [file], "once, not as a loss");
}

#[tokio::test]
async fn folders_may_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let file = folder.join("src/lib/a.mjs");
    let (watched, mut changes) = start().unwrap();
    watched.add(&file);
    for text in ["1", "2"] {
        fs::create_dir_all(folder.join("src/lib")).unwrap();
        fs::write(&file, text).unwrap();
        assert_eq!(next(&mut changes).await, std::slice::from_ref(&file));
        fs::remove_dir_all(folder.join("src")).unwrap();
        assert_eq!(next(&mut changes).await, std::slice::from_ref(&file));
    }
    fs::create_dir_all(folder.join("new/lib")).unwrap();
    fs::write(folder.join("new/lib/a.mjs"), "3").unwrap();
    fs::rename(folder.join("new"), folder.join("src")).unwrap();
    assert_eq!(next(&mut changes).await, std::slice::from_ref(&file));
    fs::write(&file, "4").unwrap();
    assert_eq!(next(&mut changes).await, [file]);
}

#[tokio::test]
async fn more_signs_than_can_be_kept_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let file = folder.join("a");
    let (watched, mut changes) = start().unwrap();
    watched.add(&file);
    for number in 0..2 * SIGNS {
        fs::write(folder.join(format!("other-{number}")), "").unwrap();
    }
    fs::write(&file, "1").unwrap();
    assert_eq!(next(&mut changes).await, [file]);
}

#[tokio::test]
async fn other_files_and_saves_without_a_change_are_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let (file, missing) = (folder.join("a"), folder.join("b"));
    fs::write(&file, "1").unwrap();
    let (watched, mut changes) = start().unwrap();
    watched.add(&file);
    watched.add(&missing);
    fs::write(folder.join("unrelated"), "1").unwrap();
    fs::write(&file, "1").unwrap();
    fs::write(&missing, "now it is there").unwrap();
    assert_eq!(next(&mut changes).await, [missing]);
}

#[tokio::test]
async fn a_file_beside_that_is_written_all_the_time_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let file = folder.join("a");
    let (watched, mut changes) = start().unwrap();
    watched.add(&file);
    let log = folder.join("log");
    let writing = Arc::new(AtomicBool::new(true));
    let goes_on = writing.clone();
    let writer = std::thread::spawn(move || {
        while goes_on.load(Ordering::Relaxed) {
            fs::write(&log, "more").unwrap();
        }
    });
    fs::write(&file, "1").unwrap();
    let told = next(&mut changes).await;
    writing.store(false, Ordering::Relaxed);
    writer.join().unwrap();
    assert_eq!(told, [file]);
}
