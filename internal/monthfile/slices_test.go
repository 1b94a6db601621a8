package monthfile

// A month of the tests takes several slices.
func init() { readSlice, dropSlice = 5, 2 }
