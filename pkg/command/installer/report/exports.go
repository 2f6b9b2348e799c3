package report

import (
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/shell"
)

// gatewayUser is the user of a stemcell who has the key of the key pair.
const gatewayUser = "vcap"

// exports is the script that sets up the bosh CLI and logs fly in.
type exports struct{ *shell.Script }

// Exports sets up the bosh CLI and logs fly in, as info --env prints it. Credentials are
// in it only with secrets. What a variable of another installation would spoil is unset.
// The notes say what the script lacks.
func Exports(info bootstrap.Info, secrets bool, askForKey func() (secret.Value, error)) (script string, notes []string) {
	sh := exports{&shell.Script{Name: info.Name, Secrets: secrets}}
	sh.director(info)
	sh.gateway(info, func() (secret.Value, bool) {
		key, err := askForKey()
		if err != nil {
			notes = append(notes, "bosh ssh and bosh logs -f are not set up: "+err.Error())
		}
		return key, err == nil
	})
	sh.concourse(info)
	if len(sh.Left) > 0 {
		notes = append(notes, strings.Join(sh.Left, ", ")+" are left out, and fly is not logged in: that takes --secrets")
	}
	return sh.String(), notes
}

// director says where the director is and who one is there.
func (sh exports) director(info bootstrap.Info) {
	d := info.Access
	user, password := d.Client, d.ClientSecret
	if d.Username != "" {
		user, password = d.Username, d.Password
	}
	sh.Set("BOSH_ENVIRONMENT", d.URL)
	sh.Set("BOSH_CA_CERT", d.CACert)
	sh.Set("BOSH_DEPLOYMENT", info.Deployment)
	sh.Set("BOSH_CLIENT", user)
	sh.Credential("BOSH_CLIENT_SECRET", password)
	sh.Set("BOSH_ALL_PROXY", d.Proxy)
}

// gateway says how bosh ssh reaches VMs: by the director's VM.
func (sh exports) gateway(info bootstrap.Info, key func() (secret.Value, bool)) {
	if info.Gateway == "" {
		sh.Set("BOSH_GW_HOST", "")
		sh.Set("BOSH_GW_USER", "")
		sh.Set("BOSH_GW_PRIVATE_KEY", "")
		return
	}
	sh.Set("BOSH_GW_HOST", info.Gateway)
	sh.Set("BOSH_GW_USER", gatewayUser)
	if !sh.Secrets {
		sh.Credential("BOSH_GW_PRIVATE_KEY", secret.New("the path of a file"))
		return
	}
	if value, ok := key(); ok {
		sh.File("BOSH_GW_PRIVATE_KEY", "director.key", value.Reveal())
	} else {
		sh.Set("BOSH_GW_PRIVATE_KEY", "")
	}
}

// concourse says where Concourse is, and logs fly in where it is installed. That comes
// last: bosh is set up also where Concourse does not answer.
func (sh exports) concourse(info bootstrap.Info) {
	web := info.Person
	sh.Set("CONCOURSE_URL", web.URL)
	sh.Set("CONCOURSE_USERNAME", web.Username)
	sh.Credential("CONCOURSE_PASSWORD", web.Password)
	if web.URL == "" {
		sh.Set("CONCOURSE_CA_CERT", "")
		return
	}
	authority := ""
	if web.CACert != "" {
		sh.File("CONCOURSE_CA_CERT", "concourse-ca.pem", web.CACert)
		authority = ` --ca-cert "$CONCOURSE_CA_CERT"`
	} else {
		sh.Set("CONCOURSE_CA_CERT", "")
	}
	if !sh.Secrets || web.Password.Empty() {
		return
	}
	fmt.Fprintf(&sh.Builder, `if command -v fly >/dev/null 2>&1; then fly -t %s login -c "$CONCOURSE_URL"%s -u "$CONCOURSE_USERNAME" -p "$CONCOURSE_PASSWORD" </dev/null >&2 || echo %s >&2; fi
`, shell.Quote(sh.Name), authority, shell.Quote("fly is not logged in to "+sh.Name))
}
