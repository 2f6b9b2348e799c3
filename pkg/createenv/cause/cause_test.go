package cause_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	bicloud "github.com/cloudfoundry/bosh-cli/v7/cloud"
	bosherr "github.com/cloudfoundry/bosh-utils/errors"
	boshsys "github.com/cloudfoundry/bosh-utils/system"

	"github.com/perpetual-ci/perpetual/pkg/createenv/cause"
)

// A user reads the end of the chain, not the steps to it.
func TestOf_saysWhatIsAtTheEndOfTheChain(t *testing.T) {
	refusal := bicloud.NewCPIError("create_vm", bicloud.CmdError{Type: "Bosh::Clouds::CloudError", Message: "quota exceeded"})
	ruby := boshsys.NewExecError("/usr/bin/ruby erb.rb context.json", "output", "undefined method 'fetch'\n")
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"of ours":         {errors.New("read the manifest"), "read the manifest"},
		"a chain":         {bosherr.WrapError(bosherr.WrapError(errors.New("No space left"), "Saving the state"), "Deploying"), "no space left"},
		"of the CPI":      {bosherr.WrapError(refusal, "Creating VM"), "the CPI refused create_vm: quota exceeded (Bosh::Clouds::CloudError)"},
		"of a program":    {bosherr.WrapError(bosherr.WrapComplexError(errors.New("exit status 1"), ruby), "Rendering"), "run ruby: exit status 1: undefined method 'fetch'"},
		"an abbreviation": {errors.New("EOF"), "EOF"},
	} {
		if got := cause.Of(test.err); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if got := cause.Of(errors.New(strings.Repeat("x", 5000) + "the end")); len(got) > 2100 || !strings.HasSuffix(got, "xthe end") {
		t.Errorf("of a long text %d bytes, %.20q…", len(got), got)
	}
}

func TestStopped_namesWhyTheContextIsDone(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := cause.Stopped(ctx); err != nil {
		t.Errorf("error %v before the end", err)
	}
	why := errors.New("interrupt")
	cancel(why)
	if err := cause.Stopped(ctx); !errors.Is(err, cause.ErrStopped) || !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
}
