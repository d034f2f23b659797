package fsclient

import (
	"strconv"
	"strings"
)

// maxExponent bounds what a number with an exponent is written out to.
const maxExponent = 40

// parseDecimal reads a number, with or without an exponent, and returns it
// without: an optional sign, digits, and a fraction if there is one.
func parseDecimal(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if isDecimal(s) && (s[0] != '0' || len(s) == 1 || s[1] == '.') && !strings.HasPrefix(s, "-0") {
		return s, true // canonical, as nearly all are
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	shift := 0
	if len(mantissa) < len(s) {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil || shift < -maxExponent || shift > maxExponent {
			return "", false
		}
	}
	sign := ""
	if rest, minus := strings.CutPrefix(mantissa, "-"); minus {
		sign, mantissa = "-", rest
	} else {
		mantissa = strings.TrimPrefix(mantissa, "+")
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if !isDigits(whole + fraction) {
		return "", false
	}
	whole, fraction = movePoint(whole, fraction, shift)
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if strings.Trim(whole+fraction, "0") == "" {
		sign = ""
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction, true
}

// movePoint multiplies a number by a power of ten.
func movePoint(whole, fraction string, shift int) (string, string) {
	if shift >= 0 {
		fraction += strings.Repeat("0", max(0, shift-len(fraction)))
		return whole + fraction[:shift], fraction[shift:]
	}
	whole = strings.Repeat("0", max(0, -shift-len(whole))) + whole
	at := len(whole) + shift
	return whole[:at], whole[at:] + fraction
}

// parseMoney is [parseDecimal] for numbers with thousands separators and the
// sign or the code of a dollar.
func parseMoney(s string) (string, bool) {
	s = strings.TrimSpace(s)
	s, minus := strings.CutPrefix(s, "-")
	for _, dollar := range []string{"US$", "CA$", "C$", "CAD", "USD", "$"} {
		if rest, ok := strings.CutPrefix(s, dollar); ok {
			s = strings.TrimPrefix(strings.TrimSpace(rest), "$")
			break
		}
	}
	for _, dollar := range []string{"CAD", "USD", "$"} {
		s = strings.TrimSuffix(s, dollar)
	}
	s = strings.TrimSpace(s)
	// One comma alone may also be that of a fraction.
	whole, _, point := strings.Cut(s, ".")
	if grouped(whole) && (point || strings.Count(whole, ",") > 1) {
		s = strings.ReplaceAll(whole, ",", "") + s[len(whole):]
	}
	if minus {
		s = "-" + s
	}
	return parseDecimal(s)
}

// grouped reports whether s is an integer with separators of thousands.
func grouped(s string) bool {
	if strings.IndexByte(s, ',') < 0 {
		return false
	}
	groups := strings.Split(s, ",")
	for i, g := range groups {
		if !isDigits(g) || i > 0 && len(g) != 3 || i == 0 && (len(g) > 3 || g[0] == '0') {
			return false
		}
	}
	return len(groups) > 1
}

// parseAmount reads {"amount": "59.97", "currency": "USD"}. With any other key
// the amount might be in another unit.
func parseAmount(raw []byte, out *Decimal) outcome {
	d := newDecoder(raw)
	_, _ = d.token()
	got := missing
	for d.peek() == '"' {
		name, err := d.token()
		if err != nil {
			return unreadable
		}
		switch key := tokenText(name); {
		case key == "amount":
			got = missing
			if kind := d.peek(); kind == 'n' {
				break
			} else if kind != '"' && kind != '0' {
				return unreadable
			}
			amount, ok, err := scalarOf(d, d.peek())
			if err != nil || !ok || !out.setText(amount) {
				*out = ""
				return unreadable
			}
			got = read
			continue
		case !strings.HasPrefix(key, "currency"):
			*out = ""
			return unreadable
		}
		if d.skip() != nil {
			return unreadable
		}
	}
	return got
}

// isDecimal reports whether s is an optional minus, digits, and a fraction if
// there is a point.
func isDecimal(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, fraction, point := strings.Cut(s, ".")
	return isDigits(whole) && (!point || isDigits(fraction))
}
