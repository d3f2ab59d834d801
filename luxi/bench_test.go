package luxi_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
)

// manyInstances is the result of a query for the uuid, name and tags of n
// instances.
func manyInstances(n int) string {
	var b strings.Builder
	b.WriteString(`{"fields":` + columns("uuid", "name", "tags") + `,"data":[`)
	for k := 0; k < n; k++ {
		if k > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `[[0,"%08x-1111-4222-8333-444455556666"],[0,"instance%d.example.com"],[0,["owner:someone"]]]`, k, k)
	}
	b.WriteString("]}")
	return b.String()
}

// BenchmarkQuery reads 10,000 instances as a quiet pass does.
func BenchmarkQuery(b *testing.B) {
	result := manyInstances(10000)
	s, err := newServer(answerOK(result))
	if err != nil {
		b.Fatal(err)
	}
	defer s.stop()
	c := luxi.New(s.path, luxi.Options{})
	defer c.Close()
	b.SetBytes(int64(len(result)))
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		t, err := c.Query(context.Background(), luxi.ResInstance, []string{"uuid", "name", "tags"}, nil)
		if err != nil {
			b.Fatal(err)
		}
		for row := range t.Rows {
			var uuid, name string
			var tags []string
			if err := t.Scan(row, &uuid, &name, &tags); err != nil {
				b.Fatal(err)
			}
		}
	}
}
