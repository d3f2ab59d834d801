package luxi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Answers are checked once, by json.Valid, and then split without copying:
// encoding/json reads a value again for each level of nesting, and a query has ten
// thousands of cells at the fifth level. These functions return parts of their
// argument. If that is not valid JSON, they return an error or wrong parts; they
// never panic.

// errSplit is returned for text that is not JSON.
var errSplit = errors.New("malformed JSON")

// elements splits a JSON list. It appends to list, which may be nil.
func elements(list []json.RawMessage, raw json.RawMessage) ([]json.RawMessage, error) {
	i := space(raw, 0)
	if i == len(raw) || raw[i] != '[' {
		return nil, notA("list", raw)
	}
	if i = space(raw, i+1); i < len(raw) && raw[i] == ']' {
		return list, nil
	}
	for {
		end := valueEnd(raw, i)
		if end == i {
			return nil, errSplit
		}
		if list == nil {
			list = make([]json.RawMessage, 0, likely(len(raw)-i, end-i+1))
		}
		list = append(list, raw[i:end:end])
		switch i = space(raw, end); {
		case i < len(raw) && raw[i] == ',':
			i = space(raw, i+1)
		case i < len(raw) && raw[i] == ']':
			return list, nil
		default:
			return nil, errSplit
		}
	}
}

// likely returns how many elements a list has if all are as long as the first one, so
// that memory can be allocated once. It is at most some thousands, as the others may
// be far longer.
func likely(rest, each int) int {
	const most = 1 << 14
	if n := rest/each + 1; n < most {
		return n
	}
	return most
}

// object splits a JSON object. Unlike for a struct, keys are taken letter by
// letter; of two that are the same the last one counts.
func object(raw json.RawMessage) (map[string]json.RawMessage, error) {
	i := space(raw, 0)
	if i == len(raw) || raw[i] != '{' {
		return nil, notA("object", raw)
	}
	m := make(map[string]json.RawMessage)
	if i = space(raw, i+1); i < len(raw) && raw[i] == '}' {
		return m, nil
	}
	for {
		end := valueEnd(raw, i)
		var key string
		if err := decode(raw[i:end], &key); err != nil {
			return nil, errSplit
		}
		if i = space(raw, end); i == len(raw) || raw[i] != ':' {
			return nil, errSplit
		}
		i = space(raw, i+1)
		if end = valueEnd(raw, i); end == i {
			return nil, errSplit
		}
		m[key] = raw[i:end:end]
		switch i = space(raw, end); {
		case i < len(raw) && raw[i] == ',':
			i = space(raw, i+1)
		case i < len(raw) && raw[i] == '}':
			return m, nil
		default:
			return nil, errSplit
		}
	}
}

// notA is the error for a value of another kind.
func notA(kind string, raw json.RawMessage) error {
	switch i := space(raw, 0); {
	case i == len(raw):
		return errSplit
	case raw[i] == 'n':
		return errNull
	}
	return fmt.Errorf("not a JSON %s", kind)
}

// space returns where the white space from i on ends.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// valueEnd returns where the value that begins at i ends, i if none does.
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return i
	}
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '[', '{':
		depth := 0
		for k := i; k < len(b); k++ {
			switch b[k] {
			case '[', '{':
				depth++
			case ']', '}':
				if depth--; depth == 0 {
					return k + 1
				}
			case '"':
				k = stringEnd(b, k) - 1
			}
		}
		return i
	}
	for k := i; k < len(b); k++ {
		switch b[k] {
		case ',', ']', '}', ':', ' ', '\n', '\r', '\t':
			return k
		}
	}
	return len(b)
}

// stringEnd returns where the string that begins at i ends: at the first quotation
// mark behind an even number of backslashes.
func stringEnd(b []byte, i int) int {
	for k := i + 1; ; {
		q := bytes.IndexByte(b[k:], '"')
		if q < 0 {
			return len(b)
		}
		k += q
		n := k
		for b[n-1] == '\\' {
			n--
		}
		if k++; (k-1-n)%2 == 0 {
			return k
		}
	}
}

// plain returns the text of a JSON string that has only ASCII characters and no
// escapes, and whether it is one. Others are left to encoding/json.
func plain(raw json.RawMessage) (string, bool) {
	n := len(raw)
	if n < 2 || raw[0] != '"' || raw[n-1] != '"' {
		return "", false
	}
	for _, c := range raw[1 : n-1] {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return "", false
		}
	}
	return string(raw[1 : n-1]), true
}

// plainList is plain for a list of strings.
func plainList(raw json.RawMessage) ([]string, bool) {
	if string(raw) == "[]" {
		return []string{}, true
	}
	parts, err := elements(nil, raw)
	if err != nil {
		return nil, false
	}
	list := make([]string, len(parts))
	for i, part := range parts {
		var ok bool
		if list[i], ok = plain(part); !ok {
			return nil, false
		}
	}
	return list, true
}
