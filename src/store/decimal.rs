//! Decimal numbers as DynamoDB keeps them: 38 digits, magnitudes from 1e-130 to 9.99…e125 (pure).

use std::fmt;

use super::row::TAG;

/// Most significant digits.
pub const MAX_DIGITS: usize = 38;
/// The exponents of the first digit that can be stored.
const EXPONENTS: std::ops::RangeInclusive<i32> = -130..=125;
/// The greatest integer up to which a JavaScript number is exact.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;
/// A decimal of so many digits survives the way through a JavaScript number.
const EXACT_DIGITS: usize = 15;

/// A decimal number: `digits × 10^exponent`, the digits without zeros at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// The most significant first; none for zero.
    digits: Vec<u8>,
    exponent: i32,
}

/// Why a number cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfRange {
    /// Beyond 9.99…e125.
    #[error(
        "Number overflow. Attempting to store a number with magnitude larger than supported range"
    )]
    Overflow,
    /// Below 1e-130.
    #[error(
        "Number underflow. Attempting to store a number with magnitude smaller than supported range"
    )]
    Underflow,
    /// More than 38 digits.
    #[error("Attempting to store more than 38 significant digits in a Number")]
    Digits,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self {
        negative: false,
        digits: Vec::new(),
        exponent: 0,
    };

    /// Reads a number as JSON or JavaScript writes it (`-1.5e+3`); `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() == 0 || fraction.len() > 4096 || whole.len() > 4096 {
            return None;
        }
        let digits = (whole.bytes().chain(fraction.bytes()))
            .map(|byte| byte.is_ascii_digit().then(|| byte - b'0'))
            .collect::<Option<Vec<u8>>>()?;
        let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        Some(Self::normal(negative, digits, exponent))
    }

    /// Strips the zeros at both ends.
    fn normal(negative: bool, mut digits: Vec<u8>, mut exponent: i32) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
            exponent = exponent.saturating_add(1);
        }
        let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
        digits.drain(..zeros);
        if digits.is_empty() {
            return Self::ZERO;
        }
        Self {
            negative,
            digits,
            exponent,
        }
    }

    /// The exponent of the first digit.
    fn magnitude(&self) -> i32 {
        let digits = i32::try_from(self.digits.len()).unwrap_or(i32::MAX);
        self.exponent.saturating_add(digits).saturating_sub(1)
    }

    /// Whether the database can store it.
    ///
    /// # Errors
    /// Which limit it exceeds.
    pub fn check(&self) -> Result<(), OutOfRange> {
        if self.digits.is_empty() {
            return Ok(());
        }
        if self.magnitude() > *EXPONENTS.end() {
            return Err(OutOfRange::Overflow);
        }
        if self.magnitude() < *EXPONENTS.start() {
            return Err(OutOfRange::Underflow);
        }
        if self.digits.len() > MAX_DIGITS {
            return Err(OutOfRange::Digits);
        }
        Ok(())
    }

    /// The sum of two numbers that can be stored, rounded to 38 digits (half to even).
    ///
    /// # Errors
    /// If the sum is out of range.
    pub fn add(&self, other: &Self) -> Result<Self, OutOfRange> {
        self.check()?;
        other.check()?;
        if self.digits.is_empty() {
            return Ok(other.clone());
        }
        if other.digits.is_empty() {
            return Ok(self.clone());
        }
        let exponent = self.exponent.min(other.exponent);
        let (left, right) = (self.aligned(exponent), other.aligned(exponent));
        let sum = if self.negative == other.negative {
            Self::normal(self.negative, plus(&left, &right), exponent)
        } else if is_less(&left, &right) {
            Self::normal(other.negative, minus(&right, &left), exponent)
        } else {
            Self::normal(self.negative, minus(&left, &right), exponent)
        };
        let sum = sum.rounded();
        sum.check()?;
        Ok(sum)
    }

    /// The digits with the least significant first, as if the exponent were `exponent`.
    fn aligned(&self, exponent: i32) -> Vec<u8> {
        let zeros = usize::try_from(self.exponent - exponent).unwrap_or_default();
        let mut digits = vec![0; zeros];
        digits.extend(self.digits.iter().rev());
        digits
    }

    fn rounded(self) -> Self {
        let Some((kept, cut)) = self.digits.split_at_checked(MAX_DIGITS) else {
            return self;
        };
        let dropped = i32::try_from(cut.len()).unwrap_or_default();
        let half = cut.first().is_some_and(|&digit| digit >= 5);
        let exactly_half = cut.first() == Some(&5) && cut.iter().skip(1).all(|&digit| digit == 0);
        let odd = kept.last().is_some_and(|digit| digit % 2 == 1);
        let mut digits: Vec<u8> = kept.iter().rev().copied().collect();
        if half && (!exactly_half || odd) {
            digits = plus(&digits, &[1]).into_iter().rev().collect();
        }
        digits.reverse();
        Self::normal(self.negative, digits, self.exponent + dropped)
    }

    /// Its JSON text in a stored value, and whether that is a tag.
    ///
    /// Plain if a JavaScript number holds it exactly, else tagged, so that no digit is lost.
    pub fn to_json(&self) -> (String, bool) {
        let text = self.to_string();
        let safe = text
            .parse::<f64>()
            .is_ok_and(|number| number.abs() <= MAX_SAFE);
        if safe && self.digits.len() <= EXACT_DIGITS {
            (text, false)
        } else {
            (format!(r#"{{"{TAG}n":"{text}"}}"#), true)
        }
    }

    /// Reads a number out of a stored value, plain or tagged; `None` if it is something else.
    pub fn from_json(json: &str, tagged: bool) -> Option<Self> {
        if json.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return Self::parse(json);
        }
        let text = json
            .strip_prefix(r#"{"$ampt:n":""#)?
            .strip_suffix(r#""}"#)?;
        tagged.then(|| Self::parse(text))?
    }
}

/// Without an exponent, unless it is so small that JavaScript would write one.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits.is_empty() {
            return f.write_str("0");
        }
        if self.negative {
            f.write_str("-")?;
        }
        let digits: String = self.digits.iter().map(|d| char::from(b'0' + d)).collect();
        let magnitude = self.magnitude();
        if magnitude < -7 {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            return write!(f, "{first}{point}{rest}e{magnitude}");
        }
        if self.exponent >= 0 {
            let zeros = usize::try_from(self.exponent).unwrap_or_default();
            return write!(f, "{digits}{:0<zeros$}", "");
        }
        match usize::try_from(magnitude) {
            Ok(point) => {
                let (whole, fraction) = digits.split_at(point + 1);
                write!(f, "{whole}.{fraction}")
            }
            Err(_) => {
                let zeros = usize::try_from(-magnitude - 1).unwrap_or_default();
                write!(f, "0.{:0<zeros$}{digits}", "")
            }
        }
    }
}

/// `left + right`, least significant digit first; the result most significant first.
fn plus(left: &[u8], right: &[u8]) -> Vec<u8> {
    let mut sum = Vec::with_capacity(left.len().max(right.len()) + 1);
    let mut carry = 0;
    for at in 0..left.len().max(right.len()) {
        let digit = left.get(at).unwrap_or(&0) + right.get(at).unwrap_or(&0) + carry;
        sum.push(digit % 10);
        carry = digit / 10;
    }
    sum.push(carry);
    sum.reverse();
    sum
}

/// `left - right` with `left >= right`, least significant digit first; the result most significant
/// first.
fn minus(left: &[u8], right: &[u8]) -> Vec<u8> {
    let mut difference = Vec::with_capacity(left.len());
    let mut borrow = 0;
    for (at, &digit) in left.iter().enumerate() {
        let taken = right.get(at).unwrap_or(&0) + borrow;
        borrow = u8::from(digit < taken);
        difference.push(digit + 10 * borrow - taken);
    }
    difference.reverse();
    difference
}

/// `left < right`, least significant digit first.
fn is_less(left: &[u8], right: &[u8]) -> bool {
    for at in (0..left.len().max(right.len())).rev() {
        match (left.get(at).unwrap_or(&0)).cmp(right.get(at).unwrap_or(&0)) {
            std::cmp::Ordering::Equal => {}
            order => return order.is_lt(),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(left: &str, right: &str) -> String {
        let parse = |text| Decimal::parse(text).expect("a number");
        match parse(left).add(&parse(right)) {
            Ok(sum) => sum.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn numbers_are_shown_as_javascript_would() {
        let shown = |text: &str| Decimal::parse(text).map(|number| number.to_string());
        for text in [
            "0",
            "1",
            "-1.5",
            "0.1",
            "0.0000001",
            "123456789.125",
            "1e-8",
            "1.25e-130",
            "100",
        ] {
            assert_eq!(shown(text).as_deref(), Some(text));
        }
        assert_eq!(shown("-0.0").as_deref(), Some("0"));
        assert_eq!(shown("1e21").as_deref(), Some("1000000000000000000000"));
        assert_eq!(shown("0010.50").as_deref(), Some("10.5"));
        for bad in [
            "",
            "-",
            ".",
            "1e",
            "a",
            "1.2.3",
            "Infinity",
            "1e99999999999",
        ] {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }

    #[test]
    fn sums_are_exact_to_38_digits() {
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("7.5", "-7.5"), "0");
        assert_eq!(sum("-5", "3"), "-2");
        assert_eq!(sum("3", "-5"), "-2");
        assert_eq!(sum("9007199254740991", "1"), "9007199254740992");
        assert_eq!(sum("9007199254740992", "0.5"), "9007199254740992.5");
        assert_eq!(
            sum("99999999999999999999999999999999999999", "1"),
            format!("1{}", "0".repeat(38))
        );
        assert_eq!(sum("1e37", "0.5"), format!("1{}", "0".repeat(37)));
        assert_eq!(sum("9e125", "9e125"), OutOfRange::Overflow.to_string());
        assert_eq!(
            sum("1e-130", "-1.1e-130"),
            OutOfRange::Underflow.to_string()
        );
    }

    #[test]
    fn small_sums_agree_with_integers() {
        for left in -120..120 {
            for right in -35..35 {
                assert_eq!(
                    sum(&left.to_string(), &right.to_string()),
                    (left + right).to_string()
                );
            }
        }
    }

    #[test]
    fn what_a_javascript_number_cannot_hold_is_tagged() {
        let json = |text| Decimal::parse(text).expect("a number").to_json();
        assert_eq!(json("4.3"), ("4.3".into(), false));
        assert_eq!(
            json("9007199254740992").0,
            r#"{"$ampt:n":"9007199254740992"}"#
        );
        assert!(json("0.1234567890123456789").1);
        let tagged = json("9007199254740992").0;
        assert_eq!(
            Decimal::from_json(&tagged, true).map(|n| n.to_string()),
            Some("9007199254740992".into())
        );
        assert_eq!(Decimal::from_json(&tagged, false), None);
        assert_eq!(Decimal::from_json("\"5\"", true), None);
    }
}
