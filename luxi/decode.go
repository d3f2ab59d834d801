package luxi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// errNull is returned by decode for a null that the destination cannot tell
// from its zero value.
var errNull = errors.New("null where a value is due")

// decode is json.Unmarshal into the pointer dst, made strict where that is
// lenient: null is accepted only for what can hold it (pointers, interfaces,
// json.RawMessage) at any depth, and an array must have exactly the length of
// a Go array. The value is always built anew, so that a slice decoded before
// into the same variable does not change, and dst is untouched after an
// error.
func decode(raw json.RawMessage, dst any) error {
	// The most frequent values by far take a short way.
	switch d := dst.(type) {
	case *string:
		if s, ok := plain(raw); ok && d != nil {
			*d = s
			return nil
		}
	case *[]string:
		if list, ok := plainList(raw); ok && d != nil {
			*d = list
			return nil
		}
	case *bool:
		if word := string(raw); d != nil && (word == "true" || word == "false") {
			*d = word == "true"
			return nil
		}
	}
	p := reflect.ValueOf(dst)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("destination is %T, not a pointer", dst)
	}
	fresh := reflect.New(p.Type().Elem())
	if err := json.Unmarshal(raw, fresh.Interface()); err != nil {
		return plainJSONError(err)
	}
	if err := checkShape(raw, p.Type().Elem()); err != nil {
		return err
	}
	p.Elem().Set(fresh.Elem())
	return nil
}

// checkShape reports the first null or array length in raw that json.Unmarshal
// would let pass into a value of type t. raw is known to be valid JSON that
// json.Unmarshal accepts for t.
func checkShape(raw json.RawMessage, t reflect.Type) error {
	if t == reflect.TypeOf(json.RawMessage(nil)) || t.Kind() == reflect.Interface {
		return nil
	}
	null := string(bytes.TrimSpace(raw)) == "null"
	if t.Kind() == reflect.Pointer {
		if null {
			return nil
		}
		return checkShape(raw, t.Elem())
	}
	if null {
		// Also for types with a method of their own: by convention that
		// method does nothing for null.
		return errNull
	}
	if reflect.PointerTo(t).Implements(reflect.TypeOf((*json.Unmarshaler)(nil)).Elem()) {
		return nil
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
			return nil // a string in base 64
		}
		var elems []json.RawMessage
		if err := json.Unmarshal(raw, &elems); err != nil {
			return plainJSONError(err)
		}
		if t.Kind() == reflect.Array && len(elems) != t.Len() {
			return fmt.Errorf("list of %d elements instead of %d", len(elems), t.Len())
		}
		for i, e := range elems {
			if err := checkShape(e, t.Elem()); err != nil {
				return fmt.Errorf("element %d: %w", i, err)
			}
		}
	case reflect.Map:
		var elems map[string]json.RawMessage
		if err := json.Unmarshal(raw, &elems); err != nil {
			return plainJSONError(err)
		}
		for k, e := range elems {
			if err := checkShape(e, t.Elem()); err != nil {
				return fmt.Errorf("key %q: %w", k, err)
			}
		}
	case reflect.Struct:
		var elems map[string]json.RawMessage
		if err := json.Unmarshal(raw, &elems); err != nil {
			return plainJSONError(err)
		}
		return checkStruct(raw, elems, t)
	}
	return nil
}

// checkStruct is checkShape for the fields of a struct. A key that is absent
// leaves its field alone, as in json.Unmarshal: which keys must be there is
// the caller's knowledge.
func checkStruct(raw json.RawMessage, elems map[string]json.RawMessage, t reflect.Type) error {
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			if err := checkStruct(raw, elems, f.Type); err != nil {
				return err
			}
			continue
		}
		if !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		for k, e := range elems {
			if !strings.EqualFold(k, name) {
				continue
			}
			if err := checkShape(e, f.Type); err != nil {
				return fmt.Errorf("key %q: %w", k, err)
			}
		}
	}
	return nil
}

// plainJSONError rewords an error of encoding/json without the names of Go types and
// fields, which mean nothing to the reader of a message about a bad answer.
func plainJSONError(err error) error {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) {
		where := ""
		if t.Field != "" {
			where = " in key " + t.Field
		}
		return fmt.Errorf("JSON %s where %s is due%s", t.Value, t.Type, where)
	}
	return err
}

// excerpt returns the beginning of raw for an error message.
func excerpt(raw []byte) string {
	const most = 80
	if len(raw) > most {
		return fmt.Sprintf("%q...", raw[:most])
	}
	return fmt.Sprintf("%q", raw)
}
