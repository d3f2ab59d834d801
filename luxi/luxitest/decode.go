package luxitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// The decoders of parameter types.

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }

// strictly decodes JSON of exactly the type of into; null is no value of any type.
func strictly(raw json.RawMessage, into any) error {
	if len(raw) == 0 || isNull(raw) {
		return fmt.Errorf("no value")
	}
	return json.Unmarshal(raw, into)
}

func text(raw json.RawMessage) (any, error) {
	var s string
	err := strictly(raw, &s)
	return s, err
}

func nonEmptyText(raw json.RawMessage) (any, error) {
	v, err := text(raw)
	if err == nil && v.(string) == "" {
		return nil, fmt.Errorf("empty string")
	}
	return v, err
}

func boolean(raw json.RawMessage) (any, error) {
	var b bool
	err := strictly(raw, &b)
	return b, err
}

func number(raw json.RawMessage) (any, error) {
	var f float64
	err := strictly(raw, &f)
	return f, err
}

func integer(raw json.RawMessage) (any, error) {
	var n int64
	err := strictly(raw, &n)
	return n, err
}

func nonNegative(raw json.RawMessage) (any, error) {
	v, err := integer(raw)
	if err == nil && v.(int64) < 0 {
		return nil, fmt.Errorf("negative number")
	}
	return v, err
}

func object(raw json.RawMessage) (any, error) {
	var o map[string]any
	err := strictly(raw, &o)
	return o, err
}

// listOf decodes an array whose elements are all of one type.
func listOf[T any](element func(json.RawMessage) (any, error)) func(json.RawMessage) (any, error) {
	return func(raw json.RawMessage) (any, error) {
		var items []json.RawMessage
		if err := strictly(raw, &items); err != nil {
			return nil, err
		}
		list := make([]T, 0, len(items))
		for _, item := range items {
			v, err := element(item)
			if err != nil {
				return nil, err
			}
			list = append(list, v.(T))
		}
		return list, nil
	}
}

var (
	texts         = listOf[string](text)
	nonEmptyTexts = listOf[string](nonEmptyText)
	diskIndices   = listOf[int64](nonNegative)
	reasonTrail   = listOf[Reason](reasonElement)
	dependencies  = listOf[depend](dependency)
)

func oneOf(values ...string) func(json.RawMessage) (any, error) {
	return func(raw json.RawMessage) (any, error) {
		v, err := text(raw)
		if err == nil && !contains(values, v.(string)) {
			sort.Strings(values)
			return nil, fmt.Errorf("'%s' is none of %s", v, strings.Join(values, ", "))
		}
		return v, err
	}
}

func oneOfNumbers(values ...int64) func(json.RawMessage) (any, error) {
	return func(raw json.RawMessage) (any, error) {
		v, err := integer(raw)
		if err != nil {
			return nil, err
		}
		for _, n := range values {
			if v.(int64) == n {
				return n, nil
			}
		}
		return nil, fmt.Errorf("%d is none of %v", v, values)
	}
}

// recreateDisks decodes hs:Types.hs RecreateDisksInfo: indices, or pairs of an index and changes.
func recreateDisks(raw json.RawMessage) (any, error) {
	if v, err := diskIndices(raw); err == nil {
		list := make([]any, 0)
		for _, n := range v.([]int64) {
			list = append(list, n)
		}
		return list, nil
	}
	pairs, err := listOf[any](func(raw json.RawMessage) (any, error) {
		var pair []json.RawMessage
		if err := strictly(raw, &pair); err != nil || len(pair) != 2 {
			return nil, fmt.Errorf("neither an index nor a pair")
		}
		n, err := nonNegative(pair[0])
		if err != nil {
			return nil, err
		}
		changes, err := object(pair[1])
		return []any{n, changes}, err
	})(raw)
	return pairs, err
}

func reasonElement(raw json.RawMessage) (any, error) {
	var parts []json.RawMessage
	if err := strictly(raw, &parts); err != nil || len(parts) != 3 {
		return nil, fmt.Errorf("a reason is a list of three")
	}
	source, err1 := text(parts[0])
	why, err2 := text(parts[1])
	at, err3 := integer(parts[2])
	if err1 != nil || err2 != nil || err3 != nil {
		return nil, fmt.Errorf("a reason is [source, text, nanoseconds]")
	}
	return Reason{source.(string), why.(string), at.(int64)}, nil
}

func dependency(raw json.RawMessage) (any, error) {
	var parts []json.RawMessage
	if err := strictly(raw, &parts); err != nil || len(parts) != 2 {
		return nil, fmt.Errorf("a dependency is a list of two")
	}
	id, err := jobID(parts[0])
	if err != nil {
		return nil, err
	}
	statuses, err := listOf[string](oneOf(success, failed, canceled))(parts[1])
	if err != nil {
		return nil, err
	}
	return depend{id, statuses.([]string)}, nil
}

// jobID decodes a job id, which may be a string (hs:Types.hs parseJobId). Negative ones are relative.
func jobID(raw json.RawMessage) (int64, error) {
	if v, err := text(raw); err == nil {
		n, err := strconv.ParseInt(v.(string), 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("invalid job id '%s'", v)
		}
		return n, nil
	}
	v, err := integer(raw)
	if err != nil {
		return 0, fmt.Errorf("wrong type or value for job id: %s", raw)
	}
	return v.(int64), nil
}
