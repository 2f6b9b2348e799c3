package testkit

import (
	"strings"
	"testing"
)

// Refused wants an error of one line in which all parts are; without any it wants none. name
// says in the test's output which case it is.
func Refused(t testing.TB, name string, err error, parts ...string) {
	t.Helper()
	if err == nil && len(parts) > 0 || err != nil && (len(parts) == 0 || strings.Contains(err.Error(), "\n")) {
		t.Errorf("%s: %v, want %q", name, err, parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: the error lacks %q: %v", name, part, err)
		}
	}
}
