//! The objects that callers pass in: which of them a call changes, and what of them counts.

use super::Evaluator;

#[test]
fn next_writes_where_it_goes_on_into_the_callers_options() {
    Evaluator::start().hold(&[
        ("data.seed([1, 2, 3, 4, 5].map((n) => ({ key: `p:${n}`, value: n, label1: `L:${n}` })))", "{ items: 5 }"),
        (
            "(globalThis.o = { limit: 2 }, globalThis.r = await data.get('p:*', o), [r.lastKey, typeof r.next, o])",
            "[ 'p:2', 'function', { limit: 2 } ]",
        ),
        ("r.next().then((page) => page.items.map((i) => i.value))", "[ 3, 4 ]"),
        ("o", "{ limit: 2, start: 'p:2' }"),
        ("data.get('p:*', o).then((page) => page.items.map((i) => i.value))", "[ 3, 4 ]"),
        // The same page goes on from its own end, however far another one has come.
        ("data.get('p:*', o).then((page) => page.next()).then((page) => page.items.map((i) => i.value))", "[ 5 ]"),
        ("r.next().then((page) => page.items.map((i) => i.value))", "[ 3, 4 ]"),
        // A start of one kind is none of the other.
        ("data.getByLabel('label1', 'L:*', o)", "ValidationError: Invalid key"),
        ("o", "{ label: 'label1', limit: 2, start: 'p:2' }"),
    ]);
}

#[test]
fn get_by_label_writes_the_label_and_then_the_start() {
    Evaluator::start().hold(&[
        ("data.seed([1, 2, 3].map((n) => ({ key: `p:${n}`, value: n, label2: `L:${n}` })))", "{ items: 3 }"),
        ("data.set('x', 0, { label2: 'S' })", "0"),
        ("(globalThis.o = { limit: 2 }, globalThis.r = await data.getByLabel('label2', 'L:*', o), r.lastKey)", "'p:2|L:2'"),
        ("o", "{ label: 'label2', limit: 2 }"),
        ("r.next().then((page) => [page, o])", "[ { items: [ { key: 'p:3', value: 3 } ] }, { label: 'label2', limit: 2, start: 'p:2|L:2' } ]"),
        ("data.getByLabel('2', 'S', { limit: 1 }).then((page) => page.lastKey)", "'x:0|S:0'"),
        ("data.getByLabel('label2', 'L:*', { start: 'p:2' })", "ValidationError: Invalid key"),
        ("data.getByLabel('label2', 'L:*', { reverse: true, start: 'p:2|L:2' })", "{ items: [ { key: 'p:1', value: 1 } ] }"),
        // A boolean has nothing to be written into.
        ("data.getByLabel('label2', 'L:*', true).then((page) => Object.keys(page.items[0]).join())", "'key,value,created,modified,label2'"),
    ]);
}

#[test]
fn scan_goes_on_in_the_same_way() {
    Evaluator::start().hold(&[
        (
            "data.seed([1, 2, 3].map((n) => ({ key: `p:${n}`, value: n })))",
            "{ items: 3 }",
        ),
        (
            "(globalThis.o = { limit: 2 }, globalThis.r = await data.scan(o), typeof r.lastKey)",
            "'string'",
        ),
        (
            "r.next().then((page) => [page.items.length, page.next, o.start === r.lastKey])",
            "[ 1, undefined, true ]",
        ),
        (
            "data.scan({ limit: 3 }).then(async (page) => [page.items.length, await page.next()])",
            "[ 3, { items: [] } ]",
        ),
    ]);
}

#[test]
fn a_full_page_says_that_there_may_be_more() {
    Evaluator::start_in_2024().hold(&[
        ("data.seed([1, 2, 3, 4, 5].map((n) => ({ key: `p:${n}`, value: n })))", "{ items: 5 }"),
        ("data.get('p:*', { limit: 5 }).then(async (page) => [page.lastKey, await page.next()])", "[ 'p:5', { items: [] } ]"),
        ("data.get('p:*', { limit: 6 }).then((page) => ['lastKey' in page, 'next' in page])", "[ false, false ]"),
        // A page counts its rows before it hides what has expired.
        ("data.set('p:1', 1, { ttl: -10 })", "1"),
        ("data.get('p:*', { limit: 1 })", "{ items: [], lastKey: 'p:1', next: [Function (anonymous)] }"),
        ("data.get('q', { limit: 1 })", "undefined"),
        ("data.set('q', 1).then(() => data.get('q:*', { limit: 1 })).then((page) => page.lastKey)", "'q:0'"),
    ]);
}

#[test]
fn a_page_ends_at_a_megabyte() {
    Evaluator::start().hold(&[
        ("Promise.all([1, 2, 3, 4, 5].map((n) => data.set(`big:${n}`, 'x'.repeat(300_000)))).then((all) => all.length)", "5"),
        ("data.get('big:*').then((page) => [page.items.length, page.lastKey])", "[ 4, 'big:4' ]"),
        ("data.get('big:*').then((page) => page.next()).then((page) => [page.items.length, page.lastKey])", "[ 1, undefined ]"),
        ("data.get('big:*', { limit: 2 }).then((page) => [page.items.length, page.lastKey])", "[ 2, 'big:2' ]"),
        ("data.scan().then((page) => [page.items.length, typeof page.next])", "[ 4, 'function' ]"),
    ]);
}

#[test]
fn what_is_passed_to_a_write_is_left_as_it_was() {
    Evaluator::start().hold(&[
        (
            "(async () => { const value = { a: null, n: { x: null }, s: new Set([1]) }, options = { ttl: 100, label1: ['l'], default: { d: 1 } }; const before = JSON.stringify([value, options]); await data.set('k', value, options); return JSON.stringify([value, options]) === before && value.s instanceof Set })()",
            "true",
        ),
        (
            "(async () => { const items = [{ key: ' a ', value: { x: null } }]; await data.set(items); await data.seed(items); return items })()",
            "[ { key: ' a ', value: { x: null } } ]",
        ),
        // Frozen objects do, too.
        ("data.set('k', Object.freeze({ a: 1 }), Object.freeze({ overwrite: true }))", "{ a: 1 }"),
        ("data.set(Object.freeze([Object.freeze({ key: 'k', value: 2 })]))", "{ items: [ { key: 'k', value: 2 } ] }"),
        // What is stored does not follow the caller's object.
        ("(async () => { const v = { l: [1] }; const p = data.set('k', v, { overwrite: true }); v.l.push(2); await p; return data.get('k') })()", "{ l: [ 1 ] }"),
        ("(async () => { const v = { l: [1] }; const echo = await data.set('k', v, { overwrite: true }); echo.l.push(3); return [v, await data.get('k')] })()", "[ { l: [ 1 ] }, { l: [ 1 ] } ]"),
    ]);
}

#[test]
fn options_are_read_by_their_exact_values() {
    Evaluator::start().hold(&[
        ("data.set('k', { a: 1 }, { meta: 1 })", "{ a: 1 }"),
        ("data.set('k', { b: 1 }, { overwrite: 1 })", "{ a: 1, b: 1 }"),
        ("data.set('k', { c: 1 }, { overwrite: 'true' })", "{ a: 1, b: 1, c: 1 }"),
        ("data.set('k', { c: null }, { removeNulls: 0 })", "{ a: 1, b: 1 }"),
        ("data.set('k', { c: null }, { removeNulls: null })", "{ a: 1, b: 1 }"),
        ("data.set('k', { d: 1 }, { exists: 0 })", "{ a: 1, b: 1, d: 1 }"),
        ("data.set('nope', 1, { exists: 'true' })", "1"),
        ("data.set('k', {}, { unknown: 1, label6: 'x' })", "{ a: 1, b: 1, d: 1 }"),
        ("data.set('k', 1, Object.create(null))", "TypeError: options.hasOwnProperty is not a function"),
        ("data.set('k', 1, () => {})", "Error: 'options' must be a boolean or object"),
        ("data.set('k', 1, 5)", "Error: 'options' must be a boolean or object"),
        // Inherited labels do not count, other inherited options do.
        ("data.set('i', 1, Object.create({ label1: 'l', meta: true })).then((item) => [item.value, 'label1' in item])", "[ 1, false ]"),
        ("data.get('k', { reverse: 1, meta: 'yes' }).then((item) => Object.keys(item).length)", "4"),
        ("data.seed([1, 2].map((n) => ({ key: `r:${n}`, value: n }))).then(() => data.get('r:*', { reverse: 'true' })).then((page) => page.items[0].value)", "1"),
        ("data.get('r:*', { reverse: true }).then((page) => page.items[0].value)", "2"),
        ("data.get('r:*', { start: '' }).then((page) => page.items.length)", "2"),
        ("data.get('r:*', { start: 0, limit: NaN }).then((page) => page.items.length)", "2"),
    ]);
}
