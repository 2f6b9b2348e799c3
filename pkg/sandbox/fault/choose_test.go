package fault_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/fault"
)

func TestScript_chooses(t *testing.T) {
	w := newWorld(t, fault.Fault{Kind: fault.Status, Code: 500})
	var asked []string
	w.script.Choose(func(r fault.Request) *fault.Fault {
		asked = append(asked, r.Method+" "+r.URL)
		if r.URL == "/second" {
			return &fault.Fault{Kind: fault.Status, Code: 418}
		}
		return nil
	})
	var got []int
	for _, path := range []string{"/first", "/second", "/third"} {
		status, _, _ := w.get(t.Context(), path)
		got = append(got, status)
	}
	if want := []int{500, 418, 200}; !slices.Equal(got, want) {
		t.Errorf("the answers were %v, want %v", got, want)
	}
	if want := []string{"GET /first", "GET /second", "GET /third"}; !slices.Equal(asked, want) {
		t.Errorf("it was asked for %v, want %v", asked, want)
	}
	w.script.Clear()
	if status, _, _ := w.get(t.Context(), "/second"); status != 200 {
		t.Errorf("after Clear, the answer was %d", status)
	}
}

func TestScript_callsBeforeAndAfterTheHandler(t *testing.T) {
	w := newWorld(t)
	ran := make(chan int32, 2)
	w.script.Add(fault.Fault{
		Kind:   fault.DropReply,
		Before: func() { ran <- w.ran.Load() },
		After:  func() { ran <- w.ran.Load() },
	})
	if _, _, err := w.get(t.Context(), "/"); err == nil {
		t.Error("the reply was not dropped")
	}
	if order := []int32{<-ran, <-ran}; !slices.Equal(order, []int32{0, 1}) {
		t.Errorf("the handler had run %v times, want none before and once after", order)
	}
}

// A handler whose request breaks off ends by a panic: who waits for its end is told of that.
func TestScript_callsAfterAHandlerThatPanics(t *testing.T) {
	script := &fault.Script{}
	after := make(chan struct{})
	script.Add(fault.Fault{Kind: fault.DropReply, After: func() { close(after) }})
	server := httptest.NewServer(script.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })))
	defer server.Close()
	if response, err := server.Client().Get(server.URL); err == nil {
		_ = response.Body.Close()
		t.Error("it was answered")
	}
	server.Close() // which waits for the handler
	select {
	case <-after:
	default:
		t.Error("After was not called")
	}
}

func TestScript_actsAndSaysOtherwise(t *testing.T) {
	for _, f := range []fault.Fault{
		{Kind: fault.Status, Code: 504}, {Kind: fault.HTML, Code: 504}, {Kind: fault.Garbage, Code: 504},
	} {
		f.Acted = true
		w := newWorld(t, f)
		if status, _, _ := w.get(t.Context(), "/"); status != 504 || w.ran.Load() != 1 {
			t.Errorf("%v: the answer was %d, and the handler ran %d times", f.Kind, status, w.ran.Load())
		}
	}
}

func TestScript_cutsAtSixteenths(t *testing.T) {
	for part := 1; part <= 16; part++ {
		w := newWorld(t, fault.Fault{Kind: fault.CutBody, Part: part})
		_, text, err := w.get(t.Context(), "/")
		want := body[:len(body)*part/16]
		if text != want || (err == nil) != (part == 16) || err != nil && !strings.Contains(err.Error(), io.ErrUnexpectedEOF.Error()) {
			t.Errorf("%d/16: %q and %v, want %q", part, text, err, want)
		}
	}
}
