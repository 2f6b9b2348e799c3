package testkit_test

import (
	"errors"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		parts []string
		fails bool
	}{
		"no error, and none is wanted":   {nil, nil, false},
		"no error where one is wanted":   {nil, []string{"a"}, true},
		"an error where none is wanted":  {errors.New("a"), nil, true},
		"one with all parts":             {errors.New("a and b"), []string{"b", "a"}, false},
		"one without a part":             {errors.New("a and b"), []string{"a", "c"}, true},
		"one of two lines with the part": {errors.New("a\nb"), []string{"a"}, true},
	} {
		r := &recorder{}
		if testkit.Refused(r, "case", c.err, c.parts...); (len(r.said) > 0) != c.fails {
			t.Errorf("%s: it says %q", name, r.said)
		}
	}
}
