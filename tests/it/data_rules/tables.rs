//! `Data.table`: other tables beside the app's.

use super::Evaluator;
use crate::support::App;

#[test]
fn a_table_has_items_labels_and_an_end_of_its_own() {
    let mut evaluator = Evaluator::start();
    evaluator.hold(&[
        ("data.table", "'local'"),
        ("Data.table('other').table", "'other'"),
        ("Data.table('other') instanceof Data", "true"),
        ("new Data({ table: 'other' }).table", "'other'"),
        ("new Data().table", "'local'"),
        ("data.set('k', { of: 'ours' }, { label1: 'l' })", "{ of: 'ours' }"),
        ("Data.table('other').get('k')", "undefined"),
        (
            "Data.table('other').set('k', { of: 'theirs' }, { label1: 'l' })",
            "{ of: 'theirs' }",
        ),
        ("data.get('k')", "{ of: 'ours' }"),
        ("new Data({ table: 'other' }).get('k')", "{ of: 'theirs' }"),
        ("Data.table('local').get('k')", "{ of: 'ours' }"),
        (
            "Data.table('other').getByLabel('label1', 'l')",
            "{ items: [ { key: 'k', value: { of: 'theirs' } } ] }",
        ),
        ("Data.table('third').scan()", "{ items: [] }"),
        ("Data.table('other').set([{ key: 'a', value: 1 }, { key: 'b', value: 2 }]).then(() => 1)", "1"),
        ("Data.table('other').add('a', 5)", "6"),
        ("Data.table('other').get(['a', 'b'])", "{ items: [ { key: 'a', value: 6 }, { key: 'b', value: 2 } ] }"),
        ("Data.table('other').remove('b')", "true"),
        ("Data.table('other').remove(['nope'])", "false"),
        ("Data.table('other').seed([{ key: 's', value: 1 }])", "{ items: 1 }"),
        ("Data.table('other').truncate()", "{ total: 3 }"),
        ("Data.table('other').scan()", "{ items: [] }"),
        ("data.get('k')", "{ of: 'ours' }"),
        ("Data.table('we\"ird\\n').set('k', 1)", "1"),
        ("Data.table('we\"ird\\n').get('k')", "1"),
    ]);
}

#[test]
fn tables_outlive_the_sandbox() {
    let app = App::esm(
        "import { ws } from '@ampt/sdk';
         import { Data } from '@ampt/data';
         const other = Data.table('other');
         ws.on('message', async (c, text) => {
           if (text !== 'read') await other.set('k', text);
           await c.send(await other.get('k'));
         });",
    );
    let dev = app.dev(&[]);
    assert_eq!(dev.client().ask("kept"), "kept");
    dev.stop();
    let dev = app.dev(&[]);
    assert_eq!(dev.client().ask("read"), "kept");
}

#[test]
fn a_client_of_another_database_is_kept_and_not_asked() {
    Evaluator::start().hold(&[
        (
            "(() => { const client = { send() { throw new Error('asked') } }; const d = new Data({ client }); return d.set('k', 1).then(() => d.client === client) })()",
            "true",
        ),
        (
            "data.client.send({})",
            "Error: @ampt/data runs on the local sandbox here: there is no DynamoDB client behind it",
        ),
    ]);
}
