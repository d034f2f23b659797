package fsclient

import (
	"bytes"
	"errors"
	"mime"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// errCharset is the cause of an answer in a charset that is not known, or that
// is not in the charset it declares.
var errCharset = errors.New("the answer is not in the charset that it declares")

// toUTF8 returns body in UTF-8, which JSON is in unless its Content-Type
// declares another charset. A byte that means nothing in that charset is an
// error: it would become another text.
func toUTF8(contentType string, body []byte) ([]byte, error) {
	if contentType == "application/json" || contentType == "application/json; charset=utf-8" {
		return body, nil
	}
	_, params, _ := mime.ParseMediaType(contentType)
	switch charset := strings.ToLower(params["charset"]); charset {
	case "", "utf-8", "utf8", "us-ascii":
		return body, nil
	default:
		encoding, err := htmlindex.Get(charset)
		if err != nil {
			return nil, errCharset
		}
		text, err := encoding.NewDecoder().Bytes(body)
		if err != nil || bytes.ContainsRune(text, '\ufffd') {
			return nil, errCharset
		}
		return text, nil
	}
}
