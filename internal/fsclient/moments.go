package fsclient

import (
	"net/http"
	"strings"
	"time"
)

// momentForms are the spellings of a moment beside RFC 3339, each with its
// offset. Go reads fractions of seconds and hours of one digit in all of them.
var momentForms = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04Z0700",
	"20060102T150405Z0700",
	http.TimeFormat, time.RFC1123Z,
}

// parseMoment reads a moment and returns it in RFC 3339 form.
func parseMoment(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if isRFC3339(s) {
		return s, true
	}
	if t, ok := parseEpoch(s); ok {
		return t.Format(time.RFC3339Nano), true
	}
	iso := isoForm(s)
	for _, form := range momentForms {
		for _, spelled := range [...]string{iso, s} {
			t, err := time.Parse(form, spelled)
			if err == nil && isRFC3339(t.Format(time.RFC3339Nano)) {
				return t.Format(time.RFC3339Nano), true
			}
		}
	}
	return "", false
}

// isRFC3339 is strict, unlike [time.Parse], which takes hours of one digit and
// fractions behind a comma.
func isRFC3339(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil && s[len("2006-01-02T15")] == ':' && !strings.Contains(s, ",")
}

// isoForm brings the spellings of ISO 8601 nearer to each other: a space for
// the T, spaces before the zone, lower case, UTC for Z.
func isoForm(s string) string {
	s = strings.ToUpper(s)
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	if at, ok := strings.CutSuffix(s, "UTC"); ok {
		s = at + "Z"
	} else if at, ok := strings.CutSuffix(s, "GMT"); ok {
		s = at + "Z"
	}
	return strings.ReplaceAll(s, " ", "")
}

// parseEpoch reads seconds or milliseconds since 1970. Their lengths tell them
// apart: the years 2001 to 2286 have 10 digits and 13.
func parseEpoch(s string) (time.Time, bool) {
	whole, fraction, point := strings.Cut(s, ".")
	n, ok := parseNumber(whole + "000")
	switch {
	case !ok || point && !isDigits(fraction):
	case len(whole) == 10:
		ms, _ := parseNumber((fraction + "000")[:3])
		return time.UnixMilli(n + ms).UTC(), true
	case len(whole) == 13 && strings.Trim(fraction, "0") == "":
		return time.UnixMilli(n / 1000).UTC(), true
	}
	return time.Time{}, false
}

func parseNumber(digits string) (n int64, ok bool) {
	if !isDigits(digits) || len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// dayForms are the spellings of a day. The first is the canonical one.
var dayForms = []string{time.DateOnly, "2006-1-2", "2006/1/2", "2006/01/02"}

// parseDay reads a day, or a moment of it, and returns it as 2026-01-31.
func parseDay(s string) (string, bool) {
	s = strings.TrimSpace(s)
	for _, form := range dayForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.Format(time.DateOnly), true
		}
	}
	if len(s) <= len(time.DateOnly) || isDigits(s) {
		return "", false
	}
	// The time of day does not matter, nor whether its zone is known.
	for _, zone := range [...]string{"", "Z"} {
		if moment, ok := parseMoment(s + zone); ok {
			return moment[:len(time.DateOnly)], true
		}
	}
	return "", false
}
