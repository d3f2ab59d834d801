package luxi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
)

func TestCallIsStrict(t *testing.T) {
	for _, tt := range []struct {
		result string
		dst    any
		ok     bool
	}{
		{"null", nil, true},
		{"null", new(string), false},
		{"null", new([]string), false},
		{"null", new(any), true},
		{"null", new(*string), true},
		{"null", new(json.RawMessage), true},
		{"null", new(time.Time), false},
		{`["a",null]`, new([]string), false},
		{`["a",null]`, new([]*string), true},
		{`[1,2]`, new([2]int), true},
		{`[1]`, new([2]int), false},
		{`[1,2,3]`, new([2]int), false},
		{`{"a":null}`, new(map[string]int), false},
		{`{"a":[null]}`, new(map[string][]any), true},
		{`{"N":null}`, new(struct{ N int }), false},
		{`{"n":null}`, new(struct{ N int }), false},
		{`{"x":{"y":null}}`, new(struct {
			X struct {
				Y string `json:"y"`
			} `json:"x"`
		}), false},
		{`{"N":null}`, new(struct {
			N int `json:"-"`
		}), true},
		{`{"N":null}`, new(struct{ embedded }), false},
		{`"aGk="`, new([]byte), true},
		{`1.5`, new(int), false},
		{`"1"`, new(int), false},
		{`300`, new(int8), false},
		{`{}`, new([]string), false},
		{`1`, "not a pointer", false},
		{`1`, (*int)(nil), false},
	} {
		_, c := serve(t, luxi.Options{}, answerOK(tt.result))
		err := c.Call(context.Background(), "M", nil, tt.dst)
		var proto *luxi.ProtocolError
		if tt.ok != (err == nil) || err != nil && !errors.As(err, &proto) {
			t.Errorf("%s into %T: %v", tt.result, tt.dst, err)
		}
	}
}

type embedded struct{ N int }

// TestSliceIsFresh: decoding twice into one variable must not change what was
// taken from it the first time.
func TestSliceIsFresh(t *testing.T) {
	n := 0
	_, c := serve(t, luxi.Options{}, func(r *request) {
		n++
		r.ok(fmt.Sprintf(`["tag%d"]`, n))
	})
	var tags []string
	if err := c.Call(context.Background(), "M", nil, &tags); err != nil {
		t.Fatal(err)
	}
	first := tags
	if err := c.Call(context.Background(), "M", nil, &tags); err != nil {
		t.Fatal(err)
	}
	if first[0] != "tag1" || tags[0] != "tag2" {
		t.Errorf("got %q and %q", first, tags)
	}
}
