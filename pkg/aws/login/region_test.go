package login_test

import (
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/aws/login/logintest"
	sandbox "github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
)

func TestCheckRegion_isContentWithAnEnabledOne(t *testing.T) {
	w := logintest.New(t, sandbox.Options{})
	if err := w.Open(t).CheckRegion(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEgressAddress_isAnAddressOrAnError(t *testing.T) {
	for answer, wanted := range map[string]string{
		"203.0.113.9": "203.0.113.9", "<html>sign in</html>": "", "2001:db8::1": "", "": "203.0.113.7", "0.0.0.0": "",
	} {
		w := logintest.New(t, sandbox.Options{Address: answer})
		found, err := w.Open(t).EgressAddress(t.Context())
		if found != wanted || (err == nil) != (wanted != "") {
			t.Errorf("%q: %q, %v", answer, found, err)
		}
		if err != nil && !strings.Contains(err.Error(), "access.director set by hand") {
			t.Errorf("%q: %v", answer, err)
		}
	}
}
