package installer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// gatewayUser is the user of a stemcell who has the key of the key pair.
const gatewayUser = "vcap"

// shell is a script for eval. It has no comments, which an interactive zsh does not
// take, and makes files where the shell runs: this program may run in a container.
type shell struct {
	strings.Builder
	name    string   // of the installation
	secrets bool     // whether they are in it
	left    []string // variables that are not in it without --secrets
}

// exports sets up the bosh CLI and logs fly in. Credentials are in it only if they
// were asked for. What a variable of another installation would spoil is unset.
func (g infoGrammar) exports(ctx context.Context, s *session, i *bootstrap.Installation, info bootstrap.Info) string {
	sh := &shell{name: info.Name, secrets: g.Secrets}
	sh.director(info)
	sh.gateway(info, func() (secret.Value, bool) {
		key, err := i.GatewayKey(ctx, info)
		if err != nil {
			s.Notify("bosh ssh and bosh logs -f are not set up: " + err.Error())
		}
		return key, err == nil
	})
	sh.concourse(info)
	if len(sh.left) > 0 {
		s.Notify(strings.Join(sh.left, ", ") + " are left out, and fly is not logged in: that takes --secrets")
	}
	return sh.String()
}

// director says where the director is and who one is there.
func (sh *shell) director(info bootstrap.Info) {
	d := info.Access
	user, password := d.Client, d.ClientSecret
	if d.Username != "" {
		user, password = d.Username, d.Password
	}
	sh.set("BOSH_ENVIRONMENT", d.URL)
	sh.set("BOSH_CA_CERT", d.CACert)
	sh.set("BOSH_DEPLOYMENT", info.Deployment)
	sh.set("BOSH_CLIENT", user)
	sh.credential("BOSH_CLIENT_SECRET", password)
	sh.set("BOSH_ALL_PROXY", d.Proxy)
}

// gateway says how bosh ssh reaches VMs: by the director's VM.
func (sh *shell) gateway(info bootstrap.Info, key func() (secret.Value, bool)) {
	if info.Gateway == "" {
		sh.set("BOSH_GW_HOST", "")
		sh.set("BOSH_GW_USER", "")
		sh.set("BOSH_GW_PRIVATE_KEY", "")
		return
	}
	sh.set("BOSH_GW_HOST", info.Gateway)
	sh.set("BOSH_GW_USER", gatewayUser)
	if !sh.secrets {
		sh.credential("BOSH_GW_PRIVATE_KEY", secret.New("the path of a file"))
		return
	}
	if value, ok := key(); ok {
		sh.file("BOSH_GW_PRIVATE_KEY", "director.key", value.Reveal())
	} else {
		sh.set("BOSH_GW_PRIVATE_KEY", "")
	}
}

// concourse says where Concourse is, and logs fly in where it is installed. That comes
// last: bosh is set up also where Concourse does not answer.
func (sh *shell) concourse(info bootstrap.Info) {
	web := info.Person
	sh.set("CONCOURSE_URL", web.URL)
	sh.set("CONCOURSE_USERNAME", web.Username)
	sh.credential("CONCOURSE_PASSWORD", web.Password)
	if web.URL == "" {
		sh.set("CONCOURSE_CA_CERT", "")
		return
	}
	authority := ""
	if web.CACert != "" {
		sh.file("CONCOURSE_CA_CERT", "concourse-ca.pem", web.CACert)
		authority = ` --ca-cert "$CONCOURSE_CA_CERT"`
	} else {
		sh.set("CONCOURSE_CA_CERT", "")
	}
	if !sh.secrets || web.Password.Empty() {
		return
	}
	fmt.Fprintf(sh, `if command -v fly >/dev/null 2>&1; then fly -t %s login -c "$CONCOURSE_URL"%s -u "$CONCOURSE_USERNAME" -p "$CONCOURSE_PASSWORD" </dev/null >&2 || echo %s >&2; fi
`, quote(sh.name), authority, quote("fly is not logged in to "+sh.name))
}

// set sets a variable, or unsets it for "".
func (sh *shell) set(name, value string) {
	if value == "" {
		fmt.Fprintf(sh, "unset %s\n", name)
		return
	}
	fmt.Fprintf(sh, "export %s=%s\n", name, quote(value))
}

// credential sets a variable to a secret where secrets were asked for.
func (sh *shell) credential(name string, value secret.Value) {
	if sh.secrets || value.Empty() {
		sh.set(name, value.Reveal())
		return
	}
	sh.left = append(sh.left, name)
	sh.set(name, "")
}

// file writes a file that only its owner reads, and sets a variable to its path.
func (sh *shell) file(variable, name, content string) {
	fmt.Fprintf(sh, "export %s=\"${XDG_CACHE_HOME:-$HOME/.cache}\"/perpetual/%s\n", variable, quote(sh.name+"/"+name))
	fmt.Fprintf(sh, `(umask 077 && mkdir -p "${%[1]s%%/*}" && rm -f "$%[1]s" && printf '%%s\n' %[2]s >"$%[1]s")
`, variable, quote(strings.TrimRight(content, "\n")))
}

// quote makes a word of the POSIX shell out of any text.
func quote(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || slices.Contains([]rune("@%_-+:,./"), r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// loginCommands log in with fly, for people to copy.
func loginCommands(info bootstrap.Info) string {
	if info.Person.URL == "" {
		return ""
	}
	text := fmt.Sprintf("Log in with fly, and set up bosh in this shell\n  eval \"$(perpetual info %s --env --secrets)\"\n\nor with fly alone\n", info.Name)
	authority := ""
	if info.Person.CACert != "" {
		file := info.Name + "-ca.pem"
		text += fmt.Sprintf("  perpetual info %s --show concourse.ca_cert >%s\n", info.Name, file)
		authority = " --ca-cert " + file
	}
	return text + fmt.Sprintf("  fly -t %s login -c %s%s -u %s -p \"$(perpetual info %s --show concourse.password)\"\n",
		info.Name, info.Person.URL, authority, info.Person.Username, info.Name)
}
