package fsclient

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// rateWindow is the time over which the partner counts calls. Nobody has to wait
// longer than that for the next.
const rateWindow = 5 * time.Minute

// longestWait is how much of what the partner asks to wait is believed. A header that holds the
// seconds since 1970, or a date with a wrong year, would keep a caller away for ever.
const longestWait = time.Hour

// RetryAfter returns how long an answer asks to wait before the next call: as its
// Retry-After header says, 0 without one.
func RetryAfter(h http.Header) time.Duration { return retryAfter(h.Values("Retry-After"), time.Now()) }

// retryAfter returns what the Retry-After headers of an answer ask to wait: the
// longest of several but no more than an hour, 0 without any, and a whole window for what says
// something that cannot be read.
func retryAfter(values []string, now time.Time) time.Duration {
	longest, unreadable := time.Duration(-1), false
	for _, v := range values {
		if t, ok := retryMoment(v); ok { // its form has a comma in it
			longest = max(longest, t.Sub(now), 0)
			continue
		}
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			wait, ok := parseWait(part)
			if !ok {
				unreadable = true
				continue
			}
			longest = max(longest, wait, 0)
		}
	}
	switch {
	case longest >= 0:
		return min(longest, longestWait)
	case unreadable:
		return rateWindow
	}
	return 0
}

func retryMoment(v string) (time.Time, bool) {
	if t, err := http.ParseTime(strings.TrimSpace(v)); err == nil {
		return t, true
	}
	moment, ok := parseMoment(v)
	return DateTime(moment).Time(), ok
}

// parseWait reads seconds, as a number or with a unit: "120", "120s", "120 seconds",
// "2m".
func parseWait(v string) (time.Duration, bool) {
	v = strings.ToLower(v)
	number := strings.TrimRight(v, "abcdefghijklmnopqrstuvwxyz ")
	seconds, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(seconds) || strings.ContainsAny(number, "xp_") {
		return 0, false
	}
	switch strings.TrimSpace(v[len(number):]) {
	case "", "s", "sec", "secs", "second", "seconds":
	case "ms", "millisecond", "milliseconds":
		seconds /= 1000
	case "m", "min", "mins", "minute", "minutes":
		seconds *= 60
	default:
		return 0, false
	}
	return time.Duration(min(max(0, seconds), math.MaxInt32) * float64(time.Second)), true
}
