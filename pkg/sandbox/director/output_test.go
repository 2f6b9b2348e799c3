package director_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

func TestOutput_givesTheRangeThatIsAskedFor(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	id := w.deployed(manifestOf("dep1", 1, "hello"), "")
	log := w.Events(id)
	n := len(log)
	for _, c := range []struct {
		header string
		status int
		place  string // of the answer's Content-Range
		body   string
	}{
		{"", 200, "", log},
		{"bytes=0-", 206, fmt.Sprintf("bytes 0-%d/%d", n-1, n), log},
		{"bytes=10-19", 206, fmt.Sprintf("bytes 10-19/%d", n), log[10:20]},
		{"bytes=-7", 206, fmt.Sprintf("bytes %d-%d/%d", n-7, n-1, n), log[n-7:]},
		{fmt.Sprintf("bytes=5-%d", 2*n), 206, fmt.Sprintf("bytes 5-%d/%d", n-1, n), log[5:]},
		{fmt.Sprintf("bytes=%d-", n-1), 206, fmt.Sprintf("bytes %d-%d/%d", n-1, n-1, n), log[n-1:]},
		{fmt.Sprintf("bytes=%d-", n), 416, fmt.Sprintf("bytes */%d", n), "Byte range unsatisfiable"},
		{"bytes=x-", 200, "", log},
		{"bytes=0-1,4-5", 200, "", log},
		{"lines=0-1", 200, "", log},
	} {
		r := w.do("GET", "/tasks/"+itoa(id)+"/output?type=event", "", "Range", c.header)
		if r.status != c.status || r.header.Get("Content-Range") != c.place || r.body != c.body {
			t.Errorf("%q: %d %q %.60q, want %d %q %.60q", c.header, r.status, r.header.Get("Content-Range"), r.body, c.status, c.place, c.body)
		}
	}
}

func TestOutput_growsByWholeLinesWhileTheTaskRuns(t *testing.T) {
	t.Parallel()
	w, g := held(t, director.Options{})
	id := w.deploy(manifestOf("dep1", 1, "hello"), "")
	w.arrived(g)
	address := "/tasks/" + itoa(id) + "/output?type=event"
	first := w.do("GET", address, "", "Range", "bytes=0-")
	same(t, "status", first.status, 206)
	if !strings.HasSuffix(first.body, "\n") || !strings.Contains(first.body, `"status":"executing pre-start"`) {
		t.Errorf("body %q", first.body)
	}
	next := fmt.Sprintf("bytes=%d-", len(first.body))
	same(t, "status without anything new", w.do("GET", address, "", "Range", next).status, 416)
	g.release()
	w.ends(id, director.StateDone)
	rest := w.do("GET", address, "", "Range", next)
	same(t, "status of the rest", rest.status, 206)
	same(t, "whole", first.body+rest.body, w.Events(id))
}

func TestOutput_ofATaskThatIsAbsentOrOfAnUnknownType(t *testing.T) {
	t.Parallel()
	w := seeded(t, director.Options{})
	id := w.deployed(manifestOf("dep1", 1, "hello"), "")
	same(t, "absent", w.do("GET", "/tasks/99/output?type=event", "").body, `{"code":10000,"description":"Task 99 not found"}`)
	same(t, "type", w.do("GET", "/tasks/"+itoa(id)+"/output?type=nope", "").body, `{"code":600000,"description":"Unknown type nope"}`)
}
