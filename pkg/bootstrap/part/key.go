package part

import (
	"maps"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/accesskey"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/possession"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/run"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// accessKeys are those of the users with which the pipeline works: its own one, where AWS
// cannot reach Concourse to trust its identity tokens, and the reader of its variables.
func accessKeys(r *run.Run) accesskey.Rotation {
	keys := accesskey.Rotation{Account: r.Account, Tags: parameterTags(r), Mask: r.Mask, Now: r.Now, Poll: r.Poll}
	for _, h := range []accesskey.Holder{keyHolder(r, r.Outputs.PipelineUser, manifest.PipelineKey), keyHolder(r, r.Outputs.ReaderUser, manifest.ReaderKey)} {
		if h.User != "" {
			keys.Holders = append(keys.Holders, h)
		}
	}
	return keys
}

// keyHolder is a user and the parameter of its key.
func keyHolder(r *run.Run, user, parameter string) accesskey.Holder {
	in := manifest.Input{Config: r.Config, Infrastructure: r.Outputs}
	return accesskey.Holder{User: user, Parameter: manifest.OwnPath(in) + "/" + parameter}
}

// parameterTags are those of a parameter: the user's, and that which says whose it is.
func parameterTags(r *run.Run) map[string]string {
	tags := map[string]string{}
	maps.Copy(tags, r.Config.AWS.Tags)
	tags[possession.Tag] = r.Name
	return tags
}
