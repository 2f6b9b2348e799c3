package dial_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/dial"
)

func TestLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.255.0.7": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example.com": false, "LOCALHOST.": false, "127.0.0.1.example.com": false, "[::1]": false,
		"::1%lo": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "169.254.169.254": false, "127.1": false,
	} {
		if got := dial.Local(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}
