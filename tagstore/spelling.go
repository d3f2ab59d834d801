package tagstore

import (
	"strings"
	"unicode"

	"ganeti-autorepair/luxi"
)

// Which keyword a word that is none looks like (T10). Only letters count, in any
// case: "Fix_Storage" and "fixstorage" are both fix-storage. Two words are near if
// at most two letters have to be added, left out, replaced or exchanged with their
// neighbour to turn one into the other; all keywords are further apart than that.
// A word may look like a suspension in more ways than that, since taking a word
// for a suspension by mistake only costs time.

// maxDistance is how many letters a misspelt word may differ from what was meant.
const maxDistance = 2

// suspensions are the words that mean a suspension in people's language.
var suspensions = []string{"suspend", "suspends", "suspended", "suspending", "suspension"}

// negations are words that people write where they want nothing to be done. The
// language has one word for that: suspend.
var negations = map[string]bool{
	"none": true, "no": true, "never": true, "off": true, "false": true, "disable": true, "disabled": true,
	"deny": true, "forbid": true, "stop": true, "pause": true, "paused": true, "manual": true, "ignore": true,
}

// looksLikeSuspend reports whether a word looks like a suspension in any spelling:
// it begins with "susp", has "suspend" in it, or is near a form of that.
func looksLikeSuspend(word string) bool {
	w := letters(word)
	if strings.HasPrefix(w, "susp") || strings.Contains(w, wordSuspend) {
		return true
	}
	for _, form := range suspensions {
		if distance(w, form) <= maxDistance {
			return true
		}
	}
	return false
}

// kindOf returns the kind of tag, as in Malformed, that a body seems to be which
// cannot be read on an object of the given kind.
func kindOf(kind luxi.TagKind, body string) string {
	word, _, _ := strings.Cut(body, ":")
	switch word {
	case wordSuspend, wordPending, wordResult, wordNodeOffline, wordFenced, wordSilent:
		return word
	}
	if looksLikeSuspend(word) {
		return wordSuspend
	}
	if kind == luxi.TagInstance {
		// Elsewhere they mean nothing: there such a word is an unknown one, which is
		// more cautious.
		for _, record := range []string{wordPending, wordResult} {
			if distance(letters(word), record) <= maxDistance {
				return record
			}
		}
	}
	if strings.Contains(letters(body), wordSuspend) {
		return wordSuspend
	}
	return "type"
}

// suggestion returns the tag that was probably meant by a body that cannot be
// read on an object of the given kind and seems to be a tag of the kind seems. It
// is a tag that can be read there, or empty.
func suggestion(kind luxi.TagKind, seems, body string) string {
	word, rest, more := strings.Cut(body, ":")
	meant := nearest(word, keywords(kind))
	if more && rest != "" {
		rest = ":" + rest
	}
	switch {
	case kind == luxi.TagNode:
		return readable(kind, meant+rest)
	case seems == wordSuspend && word == wordSuspend:
		return "" // its time cannot be read
	case seems == wordSuspend:
		if tag := readable(kind, wordSuspend+rest); tag != "" {
			return tag
		}
		return readable(kind, wordSuspend)
	case negations[letters(word)]:
		return readable(kind, wordSuspend)
	case meant == wordPending, meant == wordResult:
		parts := strings.SplitN(rest, ":", 3)
		if len(parts) < 3 {
			return ""
		}
		return readable(kind, meant+":"+nearest(parts[1], typeNames[FixStorage:])+":"+parts[2])
	}
	return readable(kind, meant)
}

// readable returns the tag with the body if it can be read on an object of the
// kind, else nothing.
func readable(kind luxi.TagKind, body string) string {
	tag := Prefix + body
	if len(tag) > MaxLength || new(Tags).read(kind, tag) != "" {
		return ""
	}
	return tag
}

// keywords are the words that a tag on an object of the kind may begin with.
func keywords(kind luxi.TagKind) []string {
	if kind == luxi.TagNode {
		return []string{wordFenced, wordSilent}
	}
	words := append(append([]string(nil), typeNames[FixStorage:]...), wordSuspend)
	if kind == luxi.TagInstance {
		return append(words, wordPending, wordResult)
	}
	return append(words, wordNodeOffline)
}

// nearest returns the keyword that a word is a misspelling, an abbreviation or
// another form of: the one with the fewest differences, of several the first.
func nearest(word string, keywords []string) string {
	w, best, least := letters(word), "", maxDistance+2
	for _, k := range keywords {
		d := distance(w, letters(k))
		if d > maxDistance {
			if !sameStem(w, letters(k)) {
				continue
			}
			d = maxDistance + 1
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

// sameStem reports whether a word is an abbreviation of a keyword, of three
// letters or more, or another form of it: "fail", "migration", "reinstallation".
func sameStem(word, keyword string) bool {
	n := 0
	for n < len(word) && n < len(keyword) && word[n] == keyword[n] {
		n++
	}
	return n >= 3 && n == len(word) || n >= len(keyword)-1
}

// letters returns the letters of a word in lower case, without anything else.
func letters(word string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, word)
}

// distance returns how many letters have to be added, left out, replaced or
// exchanged with their neighbour to turn a into b, or a number above maxDistance
// if there are more than maxDistance.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if d := len(x) - len(y); d > maxDistance || -d > maxDistance {
		return maxDistance + 1
	}
	// Rows of the table of distances between beginnings of a and b.
	rows := make([]int, 3*(len(y)+1))
	before, last, row := rows[:len(y)+1], rows[len(y)+1:2*len(y)+2], rows[2*len(y)+2:]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			d := last[j-1]
			if x[i-1] != y[j-1] {
				d = 1 + least(last[j-1], least(last[j], row[j-1]))
			}
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = least(d, before[j-2]+1)
			}
			row[j] = d
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}

func least(a, b int) int {
	if a < b {
		return a
	}
	return b
}
