package bosh

// Upload is a release or stemcell that the director fetches itself.
type Upload struct {
	Name      string // "concourse", for errors
	Version   string // "8.2.5", for errors
	URL       string // where the director finds it
	SHA1      string // hex; the director verifies it
	SHA256    string // hex; goes before SHA1
	ContextID string // as in DeployOptions
	Fix       bool   // replace one that is there
}
