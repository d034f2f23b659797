package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// With Options.Oddities answers are turned into what lenient decoding has to cope with. It works on the finished JSON, so no resource knows
// of it. Paging numbers are left alone: nothing seen from the partner suggests that they vary.

// oddNumbers come as text, oddTexts as numbers: the 2021 document declares msrp an integer.
var (
	oddNumbers = words("units_to_purchase quantity quantity_recommended discount total_discount units patient_count practitioner_count expires_in product_count")
	oddTexts   = words("msrp")
	oddFlags   = words("archived refill text_message_notification is_dependent invite_accepted primary requires_fasting successfully_delivered")
)

// oddKeys are the other names of the same dosage: what a plan calls amount a product calls recommended_amount.
var oddKeys = map[string]string{
	"amount": "recommended_amount", "frequency": "recommended_frequency", "duration": "recommended_duration",
	"recommended_amount": "amount", "recommended_frequency": "frequency", "recommended_duration": "duration",
}

func words(list string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(list) {
		out[w] = true
	}
	return out
}

func odd(a reply) reply {
	if a.raw != nil && a.header.Get("Content-Type") != "" || a.status == http.StatusFound {
		return a
	}
	dec := json.NewDecoder(bytes.NewReader(a.encode()))
	dec.UseNumber()
	var value any
	if dec.Decode(&value) != nil {
		return a
	}
	value = oddValue(value)
	if body, isObject := value.(map[string]any); isObject && a.status >= http.StatusBadRequest {
		oddError(body)
	}
	a.raw, a.value = nil, value
	return a
}

func oddValue(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = oddValue(v[i])
		}
	case map[string]any:
		if _, isMeta := v["total_pages"]; isMeta {
			return v
		}
		out := make(map[string]any, len(v)+1)
		for key, inner := range v {
			if other, renamed := oddKeys[key]; renamed {
				key = other
			}
			out[key] = oddScalar(key, oddValue(inner))
		}
		out["sandbox_unknown_key"] = map[string]any{"nested": []any{1, "two", nil}}
		return out
	}
	return value
}

// oddScalar writes refill as text and other flags as 0 and 1, the two forms seen.
func oddScalar(key string, value any) any {
	switch v := value.(type) {
	case json.Number:
		if oddNumbers[key] {
			return v.String()
		}
	case string:
		if oddTexts[key] {
			return json.Number(v)
		}
		if key == "format" && v == "drops" {
			return "drop" // the list says drops, examples say drop
		}
	case bool:
		switch {
		case key == "refill" && v:
			return "true"
		case key == "refill":
			return "false"
		case oddFlags[key] && v:
			return 1
		case oddFlags[key]:
			return 0
		}
	}
	return value
}

// oddError writes an error body in both forms at once.
func oddError(body map[string]any) {
	text, isText := body["error"].(string)
	if !isText {
		text, _ = body["message"].(string)
	}
	if text == "" {
		text = "Unprocessable"
	}
	if body["error"] == nil {
		body["error"] = text
	}
	if body["errors"] == nil {
		body["errors"] = []any{map[string]any{"code": "sandbox", "message": text}}
	}
}
