package bootstrap

import (
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/accesskey"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// accessKeys are those of the users with which the pipeline works: its own one, where AWS
// cannot reach Concourse to trust its identity tokens, and the reader of its variables.
func (r *work) accessKeys() accesskey.Rotation {
	keys := accesskey.Rotation{Account: r.Account, Tags: r.parameterTags(), Mask: r.Mask, Now: r.Now, Poll: r.Poll}
	for _, h := range []accesskey.Holder{r.keyHolder(r.Infrastructure.PipelineUser, manifest.PipelineKey), r.keyHolder(r.Infrastructure.ReaderUser, manifest.ReaderKey)} {
		if h.User != "" {
			keys.Holders = append(keys.Holders, h)
		}
	}
	return keys
}

// keyHolder is a user and the parameter of its key.
func (r *work) keyHolder(user, parameter string) accesskey.Holder {
	in := manifest.Input{Config: r.Config, Infrastructure: r.Infrastructure}
	return accesskey.Holder{User: user, Parameter: manifest.OwnPath(in) + "/" + parameter}
}
