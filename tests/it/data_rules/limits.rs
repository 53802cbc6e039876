//! The limits of keys, items, expressions and numbers, on both sides of each.

use super::Evaluator;

#[test]
fn an_item_holds_409600_bytes() {
    Evaluator::start_in_2024().hold(&[
        ("data.set('big', 'x'.repeat(409_572)).then((v) => v.length)", "409572"),
        ("data.set('big', 'x'.repeat(409_573))", "ValidationError: Item size of 400.00 KB is greater than the maximum size of 400 KB."),
        ("data.set('big', 'é'.repeat(204_786)).then((v) => v.length)", "204786"),
        ("data.set('big', 'é'.repeat(204_787))", "ValidationError: Item size of 400.00 KB is greater than the maximum size of 400 KB."),
        ("data.set([{ key: 'big', value: 'x'.repeat(409_573) }])", "ValidationError: Item size of 400.00 KB is greater than the maximum size of 400 KB."),
        ("data.seed([{ key: 'big', value: 'x'.repeat(409_573) }])", "ValidationError: Item size of 400.00 KB is greater than the maximum size of 400 KB."),
        // A merge is found to be too large by the database.
        ("data.set('m', { a: 'x'.repeat(300_000) }).then(() => 1)", "1"),
        ("data.set('m', { b: 'x'.repeat(200_000) })", "Error: Item size to update is greater than the maximum size of 400 KB."),
        ("data.set('m', { b: 'x'.repeat(200_000) }, { overwrite: true }).then((v) => Object.keys(v))", "[ 'b' ]"),
        ("data.add('m', 'n', 1).then((v) => v.n)", "1"),
    ]);
}

#[test]
fn an_update_has_room_for_303_properties() {
    let properties = |count: usize| {
        format!("Object.fromEntries(Array.from({{ length: {count} }}, (_, i) => ['p' + i, i]))")
    };
    let mut evaluator = Evaluator::start();
    let mut set = |key: &str, count: usize, options: &str| {
        let code = format!(
            "data.set('{key}', {}{options}).then((v) => Object.keys(v.items?.[0].value ?? v).length, (e) => e.name)",
            properties(count)
        );
        evaluator.eval(&code)
    };
    assert_eq!(set("simple", 303, ""), "303");
    assert_eq!(set("simple", 304, ""), "'ValidationException'");
    assert_eq!(set("in:one", 304, ""), "304");
    assert_eq!(set("in:one", 305, ""), "'ValidationException'");
    assert_eq!(
        set("simple", 303, ", { label1: 'l' }"),
        "'ValidationException'"
    );
    assert_eq!(set("simple", 303, ", { ttl: 60 }"), "'ValidationException'");
    assert_eq!(set("simple", 1000, ", { overwrite: true }"), "1000");
}

#[test]
fn values_nest_31_deep_within_a_property() {
    let nested = |levels: usize| {
        format!(
            "Array.from({{ length: {levels} }}).reduce((inner, _, i) => i % 2 ? [inner] : {{ i: inner }}, 1)"
        )
    };
    let mut evaluator = Evaluator::start();
    for (levels, stored) in [(31, "true"), (32, "'ValidationException'")] {
        for value in [
            format!("{{ p: {} }}", nested(levels)),
            format!("[{}]", nested(levels - 1)),
        ] {
            for options in ["", ", { overwrite: true }"] {
                let code =
                    format!("data.set('k', {value}{options}).then(() => true, (e) => e.name)");
                let code = format!("(await data.remove('k'), await {code})");
                assert_eq!(evaluator.eval(&code), stored, "{code}");
            }
        }
    }
}

#[test]
fn lists_hold_25_and_pages_1000() {
    Evaluator::start().hold(&[
        ("data.set(Array.from({ length: 25 }, (_, n) => ({ key: `k:${n}`, value: n }))).then((r) => r.items.length)", "25"),
        ("data.set(Array.from({ length: 26 }, (_, n) => ({ key: `k:${n}`, value: n })))", "ValidationError: You may only provide a maximum of 25 items in one batch set request"),
        ("data.get(Array.from({ length: 25 }, (_, n) => `k:${n}`)).then((r) => r.items.length)", "25"),
        ("data.remove(Array.from({ length: 25 }, (_, n) => `k:${n}`))", "false"),
        ("data.remove(Array.from({ length: 26 }, (_, n) => `k:${n}`))", "ValidationError: You may only provide a maximum of 25 keys in one batch remove request"),
        ("data.seed(Array.from({ length: 1101 }, (_, n) => ({ key: `s:${n}`, value: n })))", "{ items: 1101 }"),
        ("data.get('s:*').then((r) => r.items.length)", "100"),
        ("data.get('s:*', { limit: 1000 }).then(async (r) => [r.items.length, (await r.next()).items.length])", "[ 1000, 101 ]"),
        ("data.scan().then((r) => r.items.length)", "100"),
        ("data.truncate()", "{ total: 1101 }"),
    ]);
}

#[test]
fn keys_and_labels_are_measured_in_bytes() {
    Evaluator::start().hold(&[
        ("data.set('x'.repeat(256), 1)", "1"),
        ("data.set('é'.repeat(128), 1)", "1"),
        (
            "data.set('é'.repeat(129), 1)",
            "ValidationError: Invalid key: Maximum Key size is 256 bytes",
        ),
        ("data.set('n'.repeat(256) + ':' + 'x'.repeat(256), 1)", "1"),
        (
            "data.set('n:' + 'x'.repeat(257), 1)",
            "ValidationError: Invalid key: Maximum Key size is 256 bytes",
        ),
        (
            "data.set('n'.repeat(257) + ':x', 1)",
            "ValidationError: Invalid key: Maximum collection name size is 256 bytes",
        ),
        (
            "data.set('k', 1, { label1: 'x'.repeat(257) })",
            "ValidationError: Invalid key: Maximum Key size is 256 bytes",
        ),
        (
            "data.get('k', { start: 'x'.repeat(257), label: 'label1' })",
            "ValidationError: Invalid key: Maximum Key size is 256 bytes",
        ),
        (
            "data.remove('x'.repeat(257))",
            "ValidationError: Invalid key: Maximum Key size is 256 bytes",
        ),
        // Blanks around the parts are not counted.
        (
            "data.set(' ' + 'x'.repeat(256) + ' ', 2).then(() => data.get('x'.repeat(256)))",
            "2",
        ),
    ]);
}

#[test]
fn sums_are_decimal_and_have_38_digits() {
    Evaluator::start().hold(&[
        ("data.add('c', 0.1).then(() => data.add('c', 0.2))", "0.3"),
        ("data.add('z', 5).then(() => data.add('z', -5))", "undefined"),
        ("data.get('z')", "0"),
        ("data.set('b', 12345678901234567890123456789012345678n)", "12345678901234567890123456789012345678n"),
        ("data.add('b', 1)", "12345678901234567890123456789012345679n"),
        ("data.set('b', 123456789012345678901234567890123456789n).catch((e) => e.name)", "'ValidationException'"),
        ("data.set('s', 9007199254740991).then(() => data.add('s', 1))", "9007199254740992n"),
        ("data.add('s', 0.5)", "Error: 9007199254740992.5 can't be converted to BigInt. Set options.wrapNumbers to get string value."),
        ("data.get('s')", "Error: 9007199254740992.5 can't be converted to BigInt. Set options.wrapNumbers to get string value."),
        ("data.set('t', 1e-131).catch((e) => e.name)", "'ValidationException'"),
        ("data.set('t', 1e-130)", "1e-130"),
        ("data.set('n', -0).then((v) => Object.is(v, 0))", "true"),
        ("data.set('n', 5n)", "5"),
    ]);
}
