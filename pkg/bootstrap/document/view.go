package document

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// recipients is to whom the pipeline's part of the state is encrypted besides the
// operator; nobody where there is no pipeline.
func recipients(all secret.Values) []string {
	text, _ := all[manifest.StateKey].(string)
	key, err := seal.ParseIdentity(text)
	if err != nil {
		return nil
	}
	return []string{key.Recipient()}
}

// StaleView says whether SaveCredentials would write the pipeline's view of these. That of
// an older release is moved.
func (s *Set) StaleView(all secret.Values) (bool, error) {
	if s.Keys.Self || s.old || len(recipients(all)) == 0 {
		return false, nil
	}
	body, err := s.view.codec.encode(view(all))
	return !s.view.exists || !bytes.Equal(body, s.view.Body), err
}

// view is what a self-upgrade needs of the credentials to render its manifests.
// The key of the CA of the director's own certificates is not among it: they are made by
// an operator's run. That of the CA of NATS is: the director's job is rendered with it,
// since BOSH signs a certificate for each agent.
func view(all secret.Values) secret.Values {
	view := maps.Clone(all)
	delete(view, manifest.StateKey)
	if ca, is := view[endpoint.DirectorCA].(map[string]any); is {
		ca = maps.Clone(ca)
		ca["private_key"] = ""
		view[endpoint.DirectorCA] = ca
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

// openRenewed lays what earlier self-upgrades have renewed over the operator's
// credentials. What they have left for others than these is left alone: an operator's run
// has made its own since.
func (s *Set) openRenewed(ctx context.Context, base *sealed[secret.Values], over secret.Values) error {
	s.base = base
	d, text, err := load(ctx, s.store, renewedName, text)
	if err != nil || !d.exists {
		return err
	}
	var found renewed
	plain, err := s.Keys.Decrypt(text)
	if err == nil {
		err = json.Unmarshal(plain, &found)
	}
	switch {
	case err != nil:
		s.Keys.Warn(fmt.Sprintf("%s is not used: %v", renewedName, err))
	case base.exists && found.Of == base.Digest && found.Schema == 1:
		maps.Copy(over, found.Values)
	}
	return nil
}

// saveRenewed keeps what this self-upgrade has made, with what earlier ones have.
func (s *Set) saveRenewed(ctx context.Context, all secret.Values, added []string) error {
	d, _, err := load(ctx, s.store, renewedName, text)
	if err != nil {
		return err
	}
	values := secret.Values{}
	before, err := credential.Decode(s.base.name, s.base.Body)
	if err != nil {
		return err
	}
	for name, value := range all { // earlier self-upgrades' among them
		if !reflect.DeepEqual(value, before[name]) {
			values[name] = value
		}
	}
	for _, name := range added {
		values[name] = all[name]
	}
	body, err := encodeRenewed(renewed{Schema: 1, Of: s.base.Digest, Values: values})
	if err != nil {
		return err
	}
	hidden, err := s.Keys.Encrypt(body)
	if err != nil {
		return err
	}
	return d.save(ctx, hidden)
}
