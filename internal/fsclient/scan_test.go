package fsclient

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzScan reads any bytes, token by token and as values, as jsontext does.
func FuzzScan(f *testing.F) {
	for _, text := range []string{
		`{"a":1,"b":[true,false,null,"x"],"c":{"d":{}}}`, `[1,2,]`, `[,1]`, `[1 2]`, `{"a":1,}`, `{"a" 1}`, `{"a"}`, `{1:2}`, `{"a":1 "b":2}`, `{"a"::1}`, `{,}`,
		`[}`, `{]`, `]`, ``, ` `, `nul`, `nullx`, `truefalse`, `[tru]`, `-`, `-1`, `01`, `[01]`, `1.`, `1.5e+10`, `1e`, `1e-`, `-0.0E5`, `+1`, `.5`, `0x1`, `[1e5,-2]`,
		`"\u00e9\ud83d\ude00\n\"\\\/\b\f\r\t"`, `"\x"`, `"\u12g4"`, `"\u`, `"\`, `"abc`, "\"a\x01b\"", "\"\xff\"", "\"12345678\x1f\"", `"1234567\"90123456789"`, "\"\x80\x80\x80\x80\x80\x80\x80\x22",
		`"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`, " \n\t\r[ \n1 , 2\t]\r ", "\v1", "[1,\u00a02]", `{"a":{"b":[{"c":[[]]}]}}`, `{"":""}`, `[[[[[[[[`, "{\"a\":\x00}", "[\x00",
	} {
		f.Add([]byte(text), uint64(0))
		f.Add([]byte(text), ^uint64(0))
		f.Add([]byte(text), uint64(0x5555555555555555))
	}
	f.Fuzz(func(t *testing.T, text []byte, choices uint64) { scanBoth(t, text, choices) })
}

// TestScan does so with texts that are nearly JSON, and with deep ones.
func TestScan(t *testing.T) {
	for _, depth := range []int{9_999, 10_000, 10_001} {
		for _, choices := range []uint64{0, 1, ^uint64(0)} {
			scanBoth(t, []byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)), choices)
			scanBoth(t, []byte(strings.Repeat(`{"a":`, depth)+"1"+strings.Repeat("}", depth)), choices)
		}
	}
	whole := []byte(`{"meta":{"total_count":12,"x":-1.5e3},"patients":[{"id":"b1d36490-f250","name":"Zo\u00eb \"\\","tags":[],"o":{}},{"id":null,"b":[true,false]}], "n" : 0 }`)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		text := bytes.Clone(whole)
		for range random.IntN(4) {
			at := random.IntN(len(text))
			switch other := whole[random.IntN(len(whole))]; random.IntN(3) {
			case 0:
				text[at] = other
			case 1:
				text = append(text[:at], text[at+1:]...)
			default:
				text = append(text[:at], append([]byte{other}, text[at:]...)...)
			}
		}
		if random.IntN(8) == 0 {
			text = text[:random.IntN(len(text))]
		}
		scanBoth(t, text, random.Uint64())
	}
}

// scanBoth reads a text with the scanner and with jsontext, and fails at the first difference.
// choices say where whole values are read and where tokens.
func scanBoth(t *testing.T, text []byte, choices uint64) {
	t.Helper()
	var s scanner
	s.reset(text)
	d := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	for i := 0; ; i++ {
		kind, theirs := s.peek(), d.PeekKind()
		if again := s.peek(); again != kind {
			t.Fatalf("%q: %q and then %q are next, token %d", text, kind, again, i)
		}
		var got, want []byte
		var err, wrong error
		if choices>>(i%64)&1 == 0 {
			got, err = s.value()
			want, wrong = d.ReadValue()
		} else {
			got, err = s.token()
			var token jsontext.Token
			if token, wrong = d.ReadToken(); wrong == nil {
				want = []byte(token.String())
				got = []byte(tokenText(got))
			}
		}
		if (err == nil) != (wrong == nil) {
			t.Fatalf("%q: token %d is %q, %v; jsontext: %q, %v", text, i, got, err, want, wrong)
		}
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Fatal(err)
			}
			return
		}
		if kind != byte(theirs) || !bytes.Equal(got, want) {
			t.Fatalf("%q: token %d is %q of kind %q; jsontext: %q of kind %q", text, i, got, kind, want, byte(theirs))
		}
		if s.pos != int(d.InputOffset()) {
			t.Fatalf("%q: token %d ends at %d; jsontext: %d", text, i, s.pos, d.InputOffset())
		}
		if d.StackDepth() == 0 { // jsontext would read another value
			if _, err := s.value(); err == nil {
				t.Fatalf("%q: a value behind the value", text)
			}
			return
		}
	}
}

// TestScanName reads names that are guessed, rightly and wrongly.
func TestScanName(t *testing.T) {
	var s scanner
	s.reset([]byte(`{ "id" : "id" , "idx":1,"i":2}`))
	_, _ = s.token()
	if s.name("i") || s.name("idx") || !s.name("id") || s.peek() != '"' {
		t.Fatal("id")
	}
	if raw, err := s.value(); err != nil || string(raw) != `"id"` {
		t.Fatalf("%q, %v", raw, err)
	}
	if s.name("id") || !s.name("idx") || s.skip() != nil || s.name("idx") || !s.name("i") || s.skip() != nil || s.peek() != '}' {
		t.Fatal("idx, i")
	}
	if _, err := s.token(); err != nil || s.peek() != 0 {
		t.Fatal(err)
	}
	s.reset([]byte(`{"i`))
	_, _ = s.token()
	if s.name("id") || s.name("i") {
		t.Fatal("half a name")
	}
	if _, err := s.value(); !errors.Is(err, errMalformed) || errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
}
