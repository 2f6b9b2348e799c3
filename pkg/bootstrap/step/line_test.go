package step_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

func TestLines_areWholeHoweverTheyAreWritten(t *testing.T) {
	var got []string
	w := step.Lines(func(line string) { got = append(got, line) })
	for _, text := range []string{"one\ntw", "o", "\n\nfour\nfi"} {
		if n, err := fmt.Fprint(w, text); n != len(text) || err != nil {
			t.Fatalf("wrote %d of %q: %v", n, text, err)
		}
	}
	if want := []string{"one", "two", "", "four"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
