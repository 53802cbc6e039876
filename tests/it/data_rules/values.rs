//! Kinds of values on their way into an item and back, and what is shown of it.

use super::Evaluator;

#[test]
fn bytes_come_back_as_bytes_and_an_overwrite_echoes_what_was_given() {
    Evaluator::start().hold(&[
        ("data.set('k', { b: Buffer.from('hi') })", "{ b: Uint8Array(2) [ 104, 105 ] }"),
        ("data.get('k')", "{ b: Uint8Array(2) [ 104, 105 ] }"),
        ("data.set('k', { b: Buffer.from('hi') }, { overwrite: true }).then((v) => Buffer.isBuffer(v.b))", "true"),
        ("data.set([{ key: 'k', value: { b: Buffer.from('hi') } }]).then((r) => Buffer.isBuffer(r.items[0].value.b))", "true"),
        ("data.set('k', { b: new Uint16Array([1, 256]) })", "{ b: Uint8Array(4) [ 1, 0, 0, 1 ] }"),
        ("data.set('r', Buffer.from('hi'))", "{ '0': 104, '1': 105 }"),
        ("data.get('r').then((v) => v.constructor === Object)", "true"),
        ("data.set('k', { s: new Set([Buffer.from('a')]) }).then((v) => [...v.s])", "[ Uint8Array(1) [ 97 ] ]"),
        ("data.set('k', { s: new Set([2, 1]), t: new Set(['x']) }).then((v) => [v.s instanceof Set, v.s.size, v.t])", "[ true, 2, Set(1) { 'x' } ]"),
        ("data.set('k', { m: new Map([['a', { b: 1 }]]) }).then((v) => v.m)", "{ a: { b: 1 } }"),
    ]);
}

#[test]
fn text_survives_as_it_was_written() {
    Evaluator::start().hold(&[
        ("data.set('t', { '': 1, 'a.b': 2, pk: 3, val: 4, _x: 5, constructor: 6, toString: 7, length: 8 })", "{ '': 1, 'a.b': 2, _x: 5, constructor: 6, length: 8, pk: 3, toString: 7, val: 4 }"),
        ("data.get('t').then((v) => Object.keys(v).length)", "8"),
        (r"data.set('u', '\u0000\ud83d\ude00 \u2028 é').then(() => data.get('u')).then((v) => v === '\u0000\ud83d\ude00 \u2028 é')", "true"),
        (r"data.set('h', 'a\ud83d').then(() => data.get('h')).then((v) => v === 'a\ud83d')", "true"),
        ("data.set('$ampt:b', { '$ampt:b': 'no tag' }).then(() => data.get('$ampt:b'))", "{ '$ampt:b': 'no tag' }"),
        ("data.set('n', { x: { '$ampt:n': '5' } }).then(() => data.get('n'))", "{ x: { '$ampt:n': '5' } }"),
        ("data.set('e', '').then(() => data.get('e'))", "''"),
        ("data.set('e', []).then(() => data.get('e'))", "[]"),
        ("data.set('e', false).then(() => data.get('e'))", "false"),
    ]);
}

#[test]
fn what_is_stored_shows_in_the_raw_attributes() {
    Evaluator::start_in_2024().hold(&[
        ("data.set('simple', 'v', { label1: 'l', ttl: 60 }).then(() => data.set('n:k', { '': 1, a: 2 }, { label2: 'x:y' })).then(() => 1)", "1"),
        ("data.scan({ attributes: ['val'] }).then((r) => r.items.find((i) => i.key === 'simple:0'))", "{ key: 'simple:0', value: 'v' }"),
        ("data.scan({ attributes: ['val', 'kv'] }).then((r) => r.items.find((i) => i.key === 'simple').value)", "'v'"),
        ("data.scan({ attributes: ['_', '_a'] }).then((r) => r.items.find((i) => i.key === 'n:k').value)", "{ '': 1, a: 2 }"),
        ("data.scan({ attributes: ['ct'], meta: true }).then((r) => r.items.find((i) => i.key === 'n:k'))", "{ created: 2024-01-01T00:00:00.000Z, key: 'n:k', value: {} }"),
    ]);
}

#[test]
fn a_simple_item_and_the_item_0_are_one() {
    Evaluator::start_in_2024().hold(&[
        ("data.set('foo:0', { x: 1 })", "{ x: 1 }"),
        ("data.get('foo')", "{ x: 1 }"),
        ("data.get('foo', true).then((i) => i.key)", "'foo:0'"),
        ("data.set('foo', { y: 2 })", "{ x: 1, y: 2 }"),
        ("data.get('foo:0', true).then((i) => i.key)", "'foo'"),
        ("data.set('foo:1', 1).then(() => data.get('foo:*')).then((r) => r.items.map((i) => i.key))", "[ 'foo', 'foo:1' ]"),
        ("data.remove('foo:0').then(() => data.get('foo'))", "undefined"),
    ]);
}

#[test]
fn an_expired_item_hides_and_can_be_revived() {
    let mut evaluator = Evaluator::start_in_2024();
    evaluator.hold(&[
        (
            "data.set('k', { a: 1 }, { ttl: 5, label1: 'l' }).then(() => 1)",
            "1",
        ),
        ("data.set('gone', 1, { ttl: 5 })", "1"),
    ]);
    evaluator.clock(&["advance", "5s"]);
    evaluator.hold(&[("data.get('k')", "{ a: 1 }")]);
    evaluator.clock(&["advance", "1s"]);
    evaluator.hold(&[
        ("data.get('k')", "undefined"),
        ("data.get('k:*')", "{ items: [] }"),
        ("data.getByLabel('label1', 'l')", "{ items: [] }"),
        ("data.get(['k']).then((r) => r.items.length)", "1"),
        ("data.scan().then((r) => r.items.length)", "2"),
        ("data.set('k', 1, { exists: false })", "Error: Item already exists"),
        ("data.set('k', { b: 1 })", "{ a: 1, b: 1 }"),
        ("data.get('k')", "undefined"),
        ("data.set('k', {}, { ttl: null })", "{ a: 1, b: 1 }"),
        ("data.getByLabel('label1', 'l')", "{ items: [ { key: 'k', value: { a: 1, b: 1 } } ] }"),
        ("data.get('k', true)", "{ created: 2024-01-01T00:00:00.000Z, key: 'k', label1: 'l', modified: 2024-01-01T00:00:06.000Z, value: { a: 1, b: 1 } }"),
    ]);
}
