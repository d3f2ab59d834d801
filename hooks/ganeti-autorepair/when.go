package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// span is a length of time on the command line: "4h", "90m", "2d", "1w12h".
type span time.Duration

var spanParts = regexp.MustCompile(`^(?:[0-9]{1,6}[wdhms])+$`)

// UnmarshalText reads the span.
func (s *span) UnmarshalText(text []byte) error {
	if !spanParts.Match(text) {
		return fmt.Errorf("%q is not a time like 4h, 90m, 2d or 1w12h", text)
	}
	units := map[byte]time.Duration{'w': 7 * 24 * time.Hour, 'd': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}
	total, begin := time.Duration(0), 0
	for k := range text {
		if unit, ok := units[text[k]]; ok {
			n, _ := strconv.Atoi(string(text[begin:k]))
			total += time.Duration(n) * unit
			begin = k + 1
		}
	}
	if total <= 0 || total > 100*365*24*time.Hour {
		return fmt.Errorf("%q is not between a second and a hundred years", text)
	}
	*s = span(total)
	return nil
}

// parseMoment parses a time in the future: a Unix time in seconds, a date, a date
// with a time, or a time of day, which is the next one. Without a zone it is local.
func parseMoment(text string, now time.Time) (time.Time, error) {
	at, err := readMoment(text, now)
	if err != nil {
		return at, err
	}
	if !at.After(now) {
		return at, fmt.Errorf("%s is past, it is now %s", text, now.Format("2006-01-02 15:04:05"))
	}
	return at, nil
}

func readMoment(text string, now time.Time) (time.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 1e9 && n < 1e11 {
		return time.Unix(n, 0), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	if at, err := time.Parse("15:04", text); err == nil {
		now := now.Local()
		day := time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, time.Local)
		if !day.After(now) {
			day = time.Date(now.Year(), now.Month(), now.Day()+1, at.Hour(), at.Minute(), 0, 0, time.Local)
		}
		return day, nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time like 18:30, 2030-01-31, \"2030-01-31 18:30\" or a Unix time", text)
}
