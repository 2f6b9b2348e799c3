package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"

	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// pipelineKey makes the key with which the pipeline reads its part of the state.
func (r *run) pipelineKey(all secret.Values) (made bool, err error) {
	if _, there := all[manifest.StateKey]; there || r.options.Self || r.elsewhere() {
		return false, nil
	}
	host, _ := os.Hostname()
	key, err := seal.NewIdentity(host, r.now())
	if err != nil {
		return false, err
	}
	all[manifest.StateKey] = key.Reveal().Reveal()
	return true, nil
}

// pipelineRecipients is to whom the pipeline's part of the state is encrypted besides the
// operator; nobody where there is no pipeline.
func (r *run) pipelineRecipients() []string {
	text, _ := r.credentials[manifest.StateKey].(string)
	key, err := seal.ParseIdentity(text)
	if err != nil {
		return nil
	}
	return []string{key.Recipient()}
}

// saveCredentials keeps what was generated: by hand all of it, in a self-upgrade the
// certificates that were renewed, for its own later runs.
func (r *run) saveCredentials(ctx context.Context, all secret.Values, added []string) error {
	if r.options.Self {
		return r.saveRenewed(ctx, all, added)
	}
	_, err := keep(ctx, r, r.credentialDocument, all)
	return err
}

// saveView keeps the pipeline's view of the credentials, if there is a pipeline.
func (r *run) saveView(ctx context.Context) error {
	recipients := r.pipelineRecipients()
	if r.options.Self || len(recipients) == 0 {
		return nil
	}
	_, err := keep(ctx, r, r.viewDocument, pipelineView(r.credentials), recipients...)
	return err
}

// reopen encrypts what the pipeline reads to its new key: the text stays as it is, and so
// would not be written otherwise.
func (r *run) reopen(ctx context.Context) error {
	if r.viewDocument.exists {
		r.viewDocument.closed = true
		if err := r.saveView(ctx); err != nil {
			return err
		}
	}
	if !r.statement.exists {
		return nil
	}
	r.statement.closed = true
	return r.saveStatement(ctx)
}

// staleView says whether saveView would write. That of an older release is another step's.
func (r *run) staleView() (bool, error) {
	if r.options.Self || r.old || len(r.pipelineRecipients()) == 0 {
		return false, nil
	}
	body, err := r.viewDocument.codec.encode(pipelineView(r.credentials))
	return !r.viewDocument.exists || !bytes.Equal(body, r.viewDocument.body), err
}

// pipelineView is what a self-upgrade needs of the credentials to render its manifests.
// The key of the CA of the director's own certificates is not among it: they are made by
// an operator's run. That of the CA of NATS is: the director's job is rendered with it,
// since BOSH signs a certificate for each agent.
func pipelineView(all secret.Values) secret.Values {
	view := maps.Clone(all)
	delete(view, manifest.StateKey)
	if ca, is := view[manifest.DirectorCA].(map[string]any); is {
		ca = maps.Clone(ca)
		ca["private_key"] = ""
		view[manifest.DirectorCA] = ca
	}
	return view
}

// renewed are the certificates that self-upgrades have made again.
type renewed struct {
	Schema int           `json:"schema"` // 1
	Of     string        `json:"of"`     // the digest of the operator's document that they go with
	Values secret.Values `json:"values"` // {"web_tls": {"certificate": …, "private_key": …}}
}

// encodeRenewed writes it as it is encrypted.
func encodeRenewed(d renewed) ([]byte, error) {
	return json.Marshal(struct {
		renewed
		Values map[string]any `json:"values"`
	}{d, d.Values.Reveal()})
}

// loadRenewed lays what earlier self-upgrades have renewed over the operator's credentials. What
// they have left for others than these is left alone: an operator's run has made
// its own since.
func (r *run) loadRenewed(ctx context.Context, base *sealed[secret.Values]) error {
	r.base = base
	d, text, err := load(ctx, r.store, renewedName, plainCodec)
	if err != nil || !d.exists {
		return err
	}
	var found renewed
	plain, err := r.reader.Decrypt(text)
	if err == nil {
		err = json.Unmarshal(plain, &found)
	}
	switch {
	case err != nil:
		r.warn(fmt.Sprintf("%s is not used: %v", renewedName, err))
	case found.Of == base.digest && found.Schema == 1:
		maps.Copy(r.credentials, found.Values)
	}
	return nil
}

// saveRenewed keeps what this self-upgrade has made, with what earlier ones have.
func (r *run) saveRenewed(ctx context.Context, all secret.Values, added []string) error {
	d, _, err := load(ctx, r.store, renewedName, plainCodec)
	if err != nil {
		return err
	}
	values := secret.Values{}
	before, err := credential.Decode(r.base.name, r.base.body)
	if err != nil {
		return err
	}
	for name, value := range r.credentials { // of earlier self-upgrades
		if !reflect.DeepEqual(value, before[name]) {
			values[name] = value
		}
	}
	for _, name := range added {
		values[name] = all[name]
	}
	body, err := encodeRenewed(renewed{Schema: 1, Of: r.base.digest, Values: values})
	if err != nil {
		return err
	}
	text, err := seal.Encrypt(body, r.reader.Recipient())
	if err != nil {
		return err
	}
	_, err = d.save(ctx, text)
	return err
}

// plainCodec is that of a document that is a text.
var plainCodec = codec[string]{
	encode: func(text string) ([]byte, error) { return []byte(text), nil },
	decode: func(_ string, body []byte) (string, error) { return string(body), nil },
}

// hasCredentials says whether the document with the credentials is there.
func (r *run) hasCredentials() bool {
	switch {
	case r.old:
		return len(r.credentials) > 0
	case r.options.Self:
		return r.base != nil && r.base.exists
	}
	return r.credentialDocument != nil && r.credentialDocument.exists
}

// credentialsFrom is where a run reads the credentials.
func (r *run) credentialsFrom() string {
	if r.options.Self && r.Pipeline.Identity != "" {
		return pipelineName
	}
	return credentialsName
}
