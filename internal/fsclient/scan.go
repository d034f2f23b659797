package fsclient

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/go-json-experiment/json/jsontext"
)

// errMalformed says that an answer is no JSON, or ends too early.
var errMalformed = errors.New("the answer is not valid JSON")

// scanner reads JSON, all of it in memory. It takes what RFC 8259 allows, and texts that are
// not UTF-8: those who read them see to that. jsontext's decoder does the same for any source
// and takes longer, and reading answers is most of what a query costs.
type scanner struct {
	in    []byte
	pos   int    // how much was read
	open  []byte // '{' and '[' that were not closed yet
	state scanState
}

// scanState is what was read last.
type scanState uint8

const (
	opened scanState = iota // nothing at all, or what opens an object or an array
	comma
	named // the name of a member of an object
	colon
	valued // a value
)

// maxNesting bounds how deep a value may be.
const maxNesting = 10_000

func (s *scanner) reset(in []byte) { s.in, s.pos, s.open, s.state = in, 0, s.open[:0], opened }

// peek returns the kind of the next token without reading it: one of {}[]ntf, '"' for a text, '0'
// for a number, and 0 where there is none that may be there.
func (s *scanner) peek() byte {
	c := s.space()
	var inside byte
	if n := len(s.open); n > 0 {
		inside = s.open[n-1]
	}
	switch s.state {
	case named:
		if c != ':' {
			return 0
		}
		c = s.skipOver(colon)
	case valued:
		switch {
		case inside == 0:
			return 0
		case c == inside+2: // '[' and ']' are two apart, and so are '{' and '}'
			return c
		case c != ',':
			return 0
		}
		c = s.skipOver(comma)
	case opened:
		if inside != 0 && c == inside+2 {
			return c
		}
	}
	if inside == '{' && s.state != colon && c != '"' {
		return 0
	}
	return tokenKinds[c]
}

// tokenKinds are the kinds of values by the byte that they begin with.
var tokenKinds = func() (kinds [256]byte) {
	for _, c := range []byte(`{["tfn`) {
		kinds[c] = c
	}
	for _, c := range []byte("-0123456789") {
		kinds[c] = '0'
	}
	return kinds
}()

// space skips white space and returns the byte behind it, 0 at the end.
func (s *scanner) space() byte {
	s.pos = spaceEnd(s.in, s.pos)
	return byteAt(s.in, s.pos)
}

func (s *scanner) skipOver(now scanState) byte {
	s.pos++
	s.state = now
	return s.space()
}

// token reads the next token: what opens or closes an object or an array, or any other value.
func (s *scanner) token() ([]byte, error) {
	switch k := s.peek(); k {
	case '{', '[':
		if len(s.open) == maxNesting {
			return nil, errMalformed
		}
		s.open = append(s.open, k)
		s.state = opened
	case '}', ']':
		s.open = s.open[:len(s.open)-1]
		s.state = valued
	default:
		return s.value()
	}
	s.pos++
	return s.in[s.pos-1 : s.pos], nil
}

// value reads the next value, or the name of a member. What it returns is part of the input.
func (s *scanner) value() ([]byte, error) {
	switch s.peek() {
	case 0, '}', ']':
		return nil, errMalformed
	}
	end := valueEnd(s.in, s.pos, len(s.open))
	if end < 0 {
		return nil, errMalformed
	}
	raw := s.in[s.pos:end]
	s.pass(end)
	return raw, nil
}

// skip reads the next value for nobody.
func (s *scanner) skip() error {
	_, err := s.value()
	return err
}

// name reads the name of a member if it is the given one, which needs no escapes.
func (s *scanner) name(name string) bool {
	if s.peek() != '"' {
		return false
	}
	begin := s.pos + 1
	end := begin + len(name)
	if byteAt(s.in, end) != '"' || string(s.in[begin:end]) != name {
		return false
	}
	s.pass(end + 1)
	return true
}

// pass goes on behind a value or a name.
func (s *scanner) pass(end int) {
	s.pos = end
	if n := len(s.open); n > 0 && s.open[n-1] == '{' && s.state != colon {
		s.state = named
	} else {
		s.state = valued
	}
}

// tokenText returns the text of a token: of a JSON string what it stands for.
func tokenText(raw []byte) string {
	if raw[0] == '"' {
		raw, _ = jsontext.AppendUnquote(nil, raw) // an error means that it was not UTF-8
	}
	return string(raw)
}

func byteAt(in []byte, i int) byte {
	if i < len(in) {
		return in[i]
	}
	return 0 // which is part of no token
}

func spaceEnd(in []byte, i int) int {
	for i < len(in) && (in[i] == ' ' || in[i] == '\n' || in[i] == '\r' || in[i] == '\t') {
		i++
	}
	return i
}

// valueEnd returns where the value ends that begins at i, -1 if there is none.
func valueEnd(in []byte, i, depth int) int {
	switch c := byteAt(in, i); tokenKinds[c] {
	case '"':
		return textEnd(in, i)
	case '0':
		return numberEnd(in, i)
	case 't':
		return literalEnd(in, i, "true")
	case 'f':
		return literalEnd(in, i, "false")
	case 'n':
		return literalEnd(in, i, "null")
	case '{', '[':
		return nestedEnd(in, i, depth+1)
	}
	return -1
}

// nestedEnd is valueEnd for an object or an array.
func nestedEnd(in []byte, i, depth int) int {
	opens := in[i]
	i = spaceEnd(in, i+1)
	switch {
	case depth > maxNesting:
		return -1
	case byteAt(in, i) == opens+2:
		return i + 1
	}
	for {
		if opens == '{' {
			if byteAt(in, i) != '"' {
				return -1
			}
			if i = textEnd(in, i); i < 0 {
				return -1
			}
			if i = spaceEnd(in, i); byteAt(in, i) != ':' {
				return -1
			}
			i = spaceEnd(in, i+1)
		}
		if i = valueEnd(in, i, depth); i < 0 {
			return -1
		}
		i = spaceEnd(in, i)
		switch byteAt(in, i) {
		case opens + 2:
			return i + 1
		case ',':
			i = spaceEnd(in, i+1)
		default:
			return -1
		}
	}
}

func literalEnd(in []byte, i int, literal string) int {
	end := i + len(literal)
	if end > len(in) || string(in[i:end]) != literal {
		return -1
	}
	return end
}

func numberEnd(in []byte, i int) int {
	if in[i] == '-' {
		i++
	}
	if byteAt(in, i) == '0' {
		i++
	} else if i = digitsEnd(in, i); i < 0 {
		return -1
	}
	if byteAt(in, i) == '.' {
		if i = digitsEnd(in, i+1); i < 0 {
			return -1
		}
	}
	if c := byteAt(in, i); c == 'e' || c == 'E' {
		i++
		if c := byteAt(in, i); c == '+' || c == '-' {
			i++
		}
		return digitsEnd(in, i)
	}
	return i
}

// digitsEnd returns where the digits at i end, -1 if there are none.
func digitsEnd(in []byte, i int) int {
	begin := i
	for i < len(in) && in[i]-'0' <= 9 {
		i++
	}
	if i == begin {
		return -1
	}
	return i
}

// textEnd is valueEnd for a JSON string.
func textEnd(in []byte, i int) int {
	for i++; ; {
		i = plainEnd(in, i)
		switch byteAt(in, i) {
		case '"':
			return i + 1
		case '\\':
			if i = escapeEnd(in, i+1); i < 0 {
				return -1
			}
		default:
			return -1
		}
	}
}

// escapeEnd returns where the escape ends whose first byte behind the backslash is at i.
func escapeEnd(in []byte, i int) int {
	switch byteAt(in, i) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for range 4 {
			i++
			if c := byteAt(in, i) | 0x20; c-'0' > 9 && c-'a' > 5 || in[i] < '0' {
				return -1
			}
		}
		return i + 1
	}
	return -1
}

// plainEnd returns where the first byte from i on is that a text cannot hold as it is: a quote,
// a backslash or a control character. It looks at eight bytes at a time.
func plainEnd(in []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(in); i += 8 {
		x := binary.LittleEndian.Uint64(in[i:])
		quotes, escapes := x^('"'*ones), x^('\\'*ones)
		// Of each byte that is 0, or less than a space, the top bit; of those behind it, perhaps.
		if found := ((quotes-ones)&^quotes | (escapes-ones)&^escapes | (x-' '*ones)&^x) & tops; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(in) && in[i] != '"' && in[i] != '\\' && in[i] >= ' ' {
		i++
	}
	return i
}
