package manifest

import (
	"maps"

	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// sealKey is the credential by which one secret is told from another in what is shown:
// it is kept where no pipeline writes, and is as random as a key.
const sealKey = "mbus_password"

// Reader says how a template of in is shown: with the values that the configuration and
// the infrastructure give, without the credentials. A variable that the user has made up
// may be a secret; one of ours that the user gives another value is shown as ours are.
func Reader(in Input, t template.Template) difference.Reader {
	r := difference.Reader{Vars: vars{}, Secret: map[string]bool{}, Doubtful: map[string]bool{}, Transient: map[string]bool{}}
	ours := map[string]bool{}
	for n, layer := range t.Vars {
		maps.Copy(r.Vars, layer)
		for name := range layer {
			_, credential := in.Credentials[name]
			switch users := n > len(t.Vars)-1-len(in.User.Vars); {
			case credential:
				r.Secret[name] = true
			case users && !ours[name]:
				r.Doubtful[name] = true
			default:
				ours[name] = true
			}
		}
	}
	key, _ := in.Credentials[sealKey].(string)
	r.Key = secret.New(key)
	return r
}
