//! A write is acknowledged once it is on disk: whatever was acknowledged is there after a kill, and
//! of everything else all or nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::state::{Item, Items};
use super::writers::{exported, through_a_handler, through_verbs};
use super::{many, rounds};
use crate::support::{App, Dev};

/// An app that does to its data what it is told, says when it is done, and shows everything.
const BOOKKEEPER: &str = r#"
import { ws } from '@ampt/sdk';
import { data } from '@ampt/data';
const options = { meta: true, limit: 1000 };
async function audit(namespaces) {
  const found = { items: (await data.scan(options)).items };
  for (const label of ['label1', 'label2', 'label3']) {
    const pages = namespaces.map((name) => data.getByLabel(label, `${name}:*`, options));
    found[label] = (await Promise.all(pages)).flatMap((page) => page.items);
  }
  return found;
}
ws.on('message', async (connection, { n, call, args, namespaces }) => {
  if (namespaces) return connection.send(await audit(namespaces));
  await data[call](...args);
  await connection.send({ n });
});
"#;

/// Clients that write.
const CLIENTS: usize = 3;

/// Longest that they write before the sandbox dies.
const LONGEST: Duration = Duration::from_millis(400);

#[test]
fn what_was_acknowledged_survives_kills() {
    survive_kills(4);
}

#[test]
#[ignore = "long"]
fn torture_what_was_acknowledged_survives_kills() {
    survive_kills(many());
}

fn survive_kills(count: u64) {
    let app = App::esm(BOOKKEEPER);
    let mut items = Items::new();
    let (mut acknowledged, mut unsure) = (0, 0);
    rounds(count, |random| {
        let dev = app.dev(&["--no-limits", "--no-watch"]);
        check_indexes(&dev, &items);
        let stop = AtomicBool::new(false);
        let records: Vec<_> = thread::scope(|scope| {
            let handlers = (0..CLIENTS).map(|number| {
                let (client, random) = (dev.client(), random.split());
                scope.spawn(move || through_a_handler(client, number, random))
            });
            let mut writers: Vec<_> = handlers.collect();
            let (verbs, app, stop) = (random.split(), &app, &stop);
            writers.push(scope.spawn(move || through_verbs(app, stop, verbs)));
            thread::sleep(random.within(LONGEST));
            dev.kill();
            stop.store(true, Ordering::Relaxed);
            let records = writers.into_iter().map(|writer| writer.join());
            records.map(|record| record.expect("a record")).collect()
        });
        let found = exported(&app);
        for record in &records {
            let made = record.check(&items, &found);
            acknowledged += record.acknowledged;
            unsure += made - record.sure;
        }
        items = found;
    });
    eprintln!("{count} kills: {acknowledged} acknowledged writes are there, and {unsure} others");
    assert!(acknowledged > 0, "nothing was tried");
}

/// Checks that the labels' indexes lead to the items that have those labels, and to no others.
fn check_indexes(dev: &Dev, items: &Items) {
    let mut namespaces = vec!["im".to_owned()];
    namespaces.extend((0..CLIENTS).flat_map(|n| [format!("w{n}"), format!("b{n}")]));
    let mut client = dev.client();
    client.send_json(&json!({ "namespaces": namespaces }));
    let found = client.json();
    let read = |found: &Value| -> Items {
        let found = found.as_array().expect("items");
        found.iter().map(Item::read).collect()
    };
    assert_eq!(&read(&found["items"]), items);
    for number in 0..3 {
        let labelled = items.iter().filter(|(_, i)| i.labels[number].is_some());
        let labelled: Items = labelled.map(|(k, i)| (k.clone(), i.clone())).collect();
        let label = format!("label{}", number + 1);
        let count = found[&label].as_array().map(Vec::len);
        assert_eq!(count, Some(labelled.len()), "twice by {label}");
        assert_eq!(read(&found[&label]), labelled, "by {label}");
    }
}
