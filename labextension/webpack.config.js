// Ids of modules that do not depend on where the checkout lies: a test builds the bundle anew and compares.
module.exports = { optimization: { moduleIds: "natural", chunkIds: "natural" } };
