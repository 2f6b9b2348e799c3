package bosh

// Deployment is what the director runs, or tries to run, under a name.
type Deployment struct {
	Name string // "concourse"
	// Manifest is the last one that was deployed, as the director keeps it: keys
	// sorted, "latest" replaced by a version. Empty if no deploy has succeeded.
	Manifest  []byte
	Releases  []Release
	Stemcells []Stemcell // without OS and CID
}
