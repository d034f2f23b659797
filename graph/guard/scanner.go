package guard

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"

	"fsgateway/graph/apierror"
)

// scanner reads the tokens of a document as section 2.1 of the specification has
// them, and writes the document anew so that gqlparser reads it in the same way:
// without comments, of which its parser would keep each, and with escapes where
// a string has control characters, which it refuses. What its lexer refuses
// rightly is left to it. It takes, and this does not:
//
//   - a name right behind a number, such as "first:10after:null" (2.9.1, 2.9.2),
//   - halves of surrogate pairs in strings, for which it would put U+FFFD (2.9.4).
type scanner struct {
	text string
	at   int // the byte that is read next
	kept strings.Builder
	rest int // where what was not kept yet begins

	line, lineStart int
}

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenName
	tokenOther
)

// next reads a token, and gives it as it was written.
func (s *scanner) next() (kind tokenKind, text string, err *gqlerror.Error) {
	s.ignored()
	start := s.at
	if start == len(s.text) {
		return tokenEnd, "", nil
	}
	switch c := s.text[s.at]; {
	case isNameStart(c):
		s.name()
		return tokenName, s.text[start:s.at], nil
	case c == '-' || isDigit(c):
		err = s.number()
	case strings.HasPrefix(s.text[s.at:], `"""`):
		s.blockString()
	case c == '"':
		err = s.quoted()
	case strings.HasPrefix(s.text[s.at:], "..."):
		s.at += 3
	default:
		_, size := utf8.DecodeRuneInString(s.text[s.at:])
		s.at += size
	}
	return tokenOther, s.text[start:s.at], err
}

// ignored skips what stands between tokens, and drops comments.
func (s *scanner) ignored() {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == ' ' || c == '\t' || c == ',':
			s.at++
		case c == '\n' || c == '\r':
			s.lineBreak()
		case strings.HasPrefix(s.text[s.at:], "\ufeff"):
			s.at += len("\ufeff")
		case c == '#':
			s.replace(len(s.text[s.at:])-len(strings.TrimLeftFunc(s.text[s.at:], func(r rune) bool { return r != '\n' && r != '\r' })), "")
		default:
			return
		}
	}
}

// lineBreak reads one, which may be two characters.
func (s *scanner) lineBreak() {
	s.at++
	if s.text[s.at-1] == '\r' && strings.HasPrefix(s.text[s.at:], "\n") {
		s.at++
	}
	s.line++
	s.lineStart = s.at
}

// replace puts text in the place of the next n bytes.
func (s *scanner) replace(n int, text string) {
	s.kept.WriteString(s.text[s.rest:s.at])
	s.kept.WriteString(text)
	s.at += n
	s.rest = s.at
}

// rewritten is the whole document, once all of it was read.
func (s *scanner) rewritten() string {
	if s.rest == 0 {
		return s.text
	}
	s.kept.WriteString(s.text[s.rest:])
	s.rest = len(s.text)
	return s.kept.String()
}

func (s *scanner) name() {
	for s.at < len(s.text) && (isNameStart(s.text[s.at]) || isDigit(s.text[s.at])) {
		s.at++
	}
}

func (s *scanner) number() *gqlerror.Error {
	s.at++ // a sign or a digit
	s.digits()
	if strings.HasPrefix(s.text[s.at:], ".") {
		s.at++
		s.digits()
	}
	if n := exponent(s.text[s.at:]); n > 0 {
		s.at += n
		s.digits()
	}
	if s.at < len(s.text) && isNameStart(s.text[s.at]) {
		return s.refuse("Invalid number, expected digit but got: %q.", s.text[s.at:s.at+1])
	}
	return nil
}

func (s *scanner) digits() {
	for s.at < len(s.text) && isDigit(s.text[s.at]) {
		s.at++
	}
}

// exponent is how long the begin of an exponent is that a text begins with.
func exponent(text string) int {
	if text == "" || text[0]|0x20 != 'e' {
		return 0
	}
	n := 1
	if len(text) > 1 && (text[1] == '-' || text[1] == '+') {
		n = 2
	}
	if n < len(text) && isDigit(text[n]) {
		return n
	}
	return 0
}

// quoted reads a string in quotes.
func (s *scanner) quoted() *gqlerror.Error {
	s.at++
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return nil
		case c == '\n' || c == '\r':
			return nil // gqlparser says that it does not end
		case strings.HasPrefix(s.text[s.at:], `\u`):
			if err := s.escape(); err != nil {
				return err
			}
		case c == '\\':
			s.at = min(s.at+2, len(s.text))
		case c < ' ' && c != '\t':
			s.replace(1, fmt.Sprintf(`\u%04x`, c))
		default:
			s.at++
		}
	}
	return nil
}

// escape reads a character by its number, and refuses one half of a pair.
func (s *scanner) escape() *gqlerror.Error {
	first, ok := s.unit(s.at)
	switch {
	case !ok: // braces, or wrong
		s.at += 2
	case first >= 0xD800 && first < 0xDC00:
		second, _ := s.unit(s.at + 6)
		if second < 0xDC00 || second > 0xDFFF {
			return s.refuse(`Invalid Unicode escape sequence: half of a surrogate pair.`)
		}
		s.at += 12
	case first >= 0xDC00 && first <= 0xDFFF:
		return s.refuse(`Invalid Unicode escape sequence: half of a surrogate pair.`)
	default:
		s.at += 6
	}
	return nil
}

// unit is the number of the escape of four digits that begins at a byte.
func (s *scanner) unit(at int) (n rune, ok bool) {
	if at+6 > len(s.text) || s.text[at:at+2] != `\u` {
		return 0, false
	}
	for _, c := range []byte(s.text[at+2 : at+6]) {
		switch {
		case isDigit(c):
			n = n<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			n = n<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// blockString reads a string in three quotes. Of more quotes in a row gqlparser
// would take the last three for its end, so a space goes between (2.9.4).
func (s *scanner) blockString() {
	start, control := s.at, false
	s.at += 3
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		switch c := rest[0]; {
		case strings.HasPrefix(rest, `\"""`):
			s.at += 4
		case strings.HasPrefix(rest, `"""`):
			s.at += 3
			switch {
			case control:
				s.withoutControls(start)
			case strings.HasPrefix(rest, `""""`):
				s.replace(0, " ")
			}
			return
		case c == '\n' || c == '\r':
			s.lineBreak()
		default:
			control = control || c < ' ' && c != '\t'
			s.at++
		}
	}
}

// withoutControls puts a string in quotes in the place of a block string that was
// just read, since only there can control characters be escaped. What follows
// stays in its line and, behind several lines, in its column.
func (s *scanner) withoutControls(start int) {
	const stand = '\U000F0000' // for a control character while gqlparser reads the string
	stands := func(r rune) bool { return r >= stand && r < stand+' ' }
	block := s.text[start:s.at]
	if strings.ContainsFunc(block, stands) {
		return // then gqlparser refuses it, rather than that one is taken for another
	}
	lex := lexer.New(&ast.Source{Input: strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			return stand + r
		}
		return r
	}, block)})
	token, _ := lex.ReadToken()
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range token.Value {
		if stands(r) {
			r -= stand
		}
		if r < ' ' || r == '"' || r == '\\' {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	if n := strings.Count(strings.ReplaceAll(block, "\r\n", "\n"), "\n") + strings.Count(strings.ReplaceAll(block, "\r\n", ""), "\r"); n > 0 {
		b.WriteString(strings.Repeat("\n", n))
		b.WriteString(strings.Repeat(" ", utf8.RuneCountInString(s.text[s.lineStart:s.at])))
	}
	n := s.at - start
	s.at = start
	s.replace(n, b.String())
}

// refuse makes the error of a document that cannot be read from here on.
func (s *scanner) refuse(format string, args ...any) *gqlerror.Error {
	column := utf8.RuneCountInString(s.text[s.lineStart:s.at]) + 1
	err := gqlerror.ErrorLocf("", s.line+1, column, format, args...)
	err.Extensions = map[string]any{"code": apierror.CodeParseFailed}
	return err
}

func isNameStart(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
