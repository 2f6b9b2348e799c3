package document

import (
	"encoding/json"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// Statement is what the operator has said, and what was chosen for it.
type Statement struct {
	Config *config.Config // nil before a deploy has got so far as to take it
	// Files are the user's ops files and vars files as of the last deploy by hand, by name:
	// the pipeline has none of them.
	Files  map[string]string
	Choice record.Choice
}

// storedStatement is it as it is kept.
type storedStatement struct {
	Configuration json.RawMessage   `json:"configuration,omitempty"`
	Files         map[string]string `json:"files,omitempty"`
	Chosen        record.Choice     `json:"chosen"`
}

var statementFormat = state.Format{Kind: "configuration"}

var statements = codec[Statement]{
	encode: func(s Statement) ([]byte, error) {
		d := storedStatement{Files: s.Files, Chosen: s.Choice}
		if s.Config != nil {
			text, err := config.Encode(s.Config)
			if err != nil {
				return nil, err
			}
			d.Configuration = text
		}
		return statementFormat.Encode(d)
	},
	decode: func(name string, body []byte) (Statement, error) {
		var d storedStatement
		if err := statementFormat.Decode(name, body, &d); err != nil {
			return Statement{}, err
		}
		s := Statement{Files: d.Files, Choice: d.Chosen}
		if d.Configuration == nil {
			return s, nil
		}
		var err error
		s.Config, err = config.Decode(name, d.Configuration)
		return s, err
	},
}

var credentialCodec = codec[secret.Values]{encode: credential.Encode, decode: credential.Decode}

// findings is the codec of what runs have found.
var findings = codec[record.Findings]{encode: record.Encode, decode: record.Decode}

// overwritten writes findings over whatever is there.
var overwritten = codec[record.Findings]{
	encode: record.Encode,
	decode: func(string, []byte) (record.Findings, error) { return record.Findings{}, nil },
}
