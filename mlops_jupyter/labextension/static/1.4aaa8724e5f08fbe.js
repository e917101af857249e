"use strict";(self.rspackChunkmlops_jupyter=self.rspackChunkmlops_jupyter||[]).push([[1],{37(o,e,r){var t=r(38),a=r.n(t),l=r(39),n=(r.n(l))()(a());n.push([o.id,`.mlops-Status {
  display: flex;
  line-height: var(--jp-private-statusbar-height, 24px);
}

.mlops-Status-part {
  padding: 0 6px;
  border: none;
  background: transparent;
  color: var(--jp-ui-font-color1);
  font: inherit;
  font-size: var(--jp-ui-font-size1);
  line-height: inherit;
  white-space: nowrap;
  cursor: pointer;
}

span.mlops-Status-part {
  cursor: default;
}

button.mlops-Status-part:hover {
  background: var(--jp-layout-color3);
}

.mlops-Status-part.mlops-mod-ill {
  color: var(--jp-error-color1);
}

.mlops-Form {
  width: min(40rem, 80vw);
}

.mlops-Form summary {
  cursor: pointer;
  padding: 8px 0;
}

.mlops-Form-field {
  display: grid;
  grid-template-columns: minmax(7rem, 1fr) 3fr;
  gap: 2px 12px;
  align-items: center;
  padding: 4px 0;
}

.mlops-Form-field > small {
  grid-column: 2;
  color: var(--jp-ui-font-color2);
}

.mlops-Form-field > .mlops-Form-wrong {
  color: var(--jp-error-color1);
}

.mlops-Form-field > .mlops-Form-wrong:empty {
  display: none;
}

.mlops-Form-field > input[type="checkbox"] {
  justify-self: start;
}

.mlops-Form-field > textarea {
  resize: vertical;
  font-family: var(--jp-code-font-family);
}

.mlops-Result {
  overflow: auto;
  padding: 12px 16px;
  background: var(--jp-layout-color0);
  color: var(--jp-content-font-color1);
}

.mlops-Result-head {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px 12px;
  padding-bottom: 8px;
}

.mlops-Result-line {
  color: var(--jp-content-font-color2);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
}

.mlops-Result-error {
  border-left: 3px solid var(--jp-error-color1);
  padding: 4px 12px;
  margin: 8px 0;
}

.mlops-Result-hint {
  color: var(--jp-content-font-color2);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
}

.mlops-Section {
  display: flex;
  flex-direction: column;
  container-type: size;
  min-height: 0;
  overflow: hidden;
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1);
  font-size: var(--jp-ui-font-size1);
}

.mlops-Section-body {
  flex: 1;
  min-height: 0;
  overflow: auto;
}

.mlops-Section-wrong {
  border-left: 3px solid var(--jp-error-color1);
  padding: 4px 8px;
  margin: 4px;
}

.mlops-Monitoring {
  overflow: auto;
  padding: 8px 12px;
  background: var(--jp-layout-color0);
}

.mlops-Monitoring > .mlops-monitor {
  max-width: none;
}

.mlops-Monitoring.mlops-mod-dialog,
.mlops-Logs.mlops-mod-dialog {
  width: 85vw;
  height: 75vh;
}

.mlops-Section-top {
  position: relative;
  display: flex;
  gap: 6px;
  align-items: center;
  padding: 4px 8px 0;
}

.mlops-Section-actions {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
  padding: 4px 8px;
}

.mlops-Section-none {
  padding: 8px 12px;
}

.mlops-Section-none p {
  margin: 0 0 6px;
}

.mlops-Section-none code {
  display: block;
  margin-bottom: 8px;
  padding: 4px 8px;
  background: var(--jp-layout-color2);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
}

.mlops-Section-foot {
  padding: 4px 8px;
  color: var(--jp-ui-font-color2);
  overflow-wrap: anywhere;
}

button.mlops-Small.jp-mod-styled {
  height: 22px;
  padding: 0 6px;
  line-height: 20px;
  letter-spacing: normal;
  font-size: var(--jp-ui-font-size0);
}

.mlops-Runs .mlops-Section-body {
  display: flex;
  flex-direction: column;
  overflow: hidden;
}

button.mlops-Small.jp-mod-styled:disabled {
  opacity: 0.5;
}

input.mlops-Runs-search {
  flex: 1;
  min-width: 0;
  height: 24px;
  font-size: var(--jp-ui-font-size1);
}

.mlops-Columns summary {
  cursor: pointer;
  white-space: nowrap;
}

.mlops-Columns > div {
  position: absolute;
  z-index: 2;
  right: 8px;
  display: flex;
  flex-direction: column;

  /* Down to the section's end, which cuts off what is longer; 60px lie above. */
  max-height: min(16rem, calc(100cqh - 60px));
  max-width: 90%;
  padding: 6px 12px 6px 6px;
  overflow: auto;
  border: 1px solid var(--jp-border-color1);
  background: var(--jp-layout-color1);
  box-shadow: var(--jp-elevation-z4);
}

.mlops-Columns > div:empty {
  display: none;
}

.mlops-Columns label {
  display: flex;
  align-items: center;
  gap: 6px;
  white-space: nowrap;
}

.mlops-RunTable {
  position: relative;
  flex: 1;
  min-height: 0;
  overflow: auto;
  contain: strict;
  border-top: 1px solid var(--jp-border-color2);
  border-bottom: 1px solid var(--jp-border-color2);
}

.mlops-RunTable:focus-visible {
  outline: 1px solid var(--jp-brand-color1);
  outline-offset: -1px;
}

.mlops-RunTable-head,
.mlops-Row {
  display: grid;
  grid-template-columns: var(--mlops-tracks);
  align-items: center;
  min-width: var(--mlops-width);
  height: 24px;
}

.mlops-RunTable-head {
  position: sticky;
  top: 0;
  z-index: 1;
  background: var(--jp-layout-color2);
}

.mlops-RunTable-head button {
  width: 100%;
  height: 24px;
  padding: 0 6px;
  overflow: hidden;
  border: 0;
  background: none;
  color: var(--jp-ui-font-color1);
  font: inherit;
  text-align: left;
  text-overflow: ellipsis;
  white-space: nowrap;
  cursor: pointer;
}

.mlops-RunTable-head button:hover {
  background: var(--jp-layout-color3);
}

.mlops-VirtualRows {
  position: relative;
  min-width: var(--mlops-width);
}

.mlops-Row {
  position: absolute;
  inset: 0 0 auto;
  contain: layout style paint;
  background: var(--jp-layout-color1);
  cursor: default;
  user-select: none;
}

.mlops-Row[hidden] {
  display: none;
}

.mlops-Row:hover {
  background: var(--jp-layout-color2);
}

.mlops-Row[aria-selected="true"] {
  background: var(--jp-brand-color3);
}

[data-jp-theme-light="false"] .mlops-Row[aria-selected="true"] {
  background: color-mix(in srgb, var(--jp-brand-color1) 30%, var(--jp-layout-color1));
}

.mlops-RunTable:focus-visible .mlops-Row.mlops-mod-active {
  outline: 1px dotted var(--jp-ui-font-color1);
  outline-offset: -1px;
}

.mlops-Row > span {
  padding: 0 6px;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.mlops-Row > .mlops-Row-box {
  padding: 0 0 0 8px;
  cursor: pointer;
}

.mlops-RunTable-chosen {
  padding-left: 8px;
}

/* Whose values they are is seen however far to the right one looks. */
.mlops-Row > .mlops-Row-box,
.mlops-Row > .mlops-Row-name,
.mlops-RunTable-head > :nth-child(-n + 2) {
  position: sticky;
  left: 0;
  z-index: 1;
  background: inherit;
}

.mlops-Row > .mlops-Row-name,
.mlops-RunTable-head > :nth-child(2) {
  left: 26px;
}

.mlops-Row-number {
  font-variant-numeric: tabular-nums;
}

.mlops-Status-FINISHED {
  color: var(--jp-success-color0, var(--jp-success-color1));
}

.mlops-Status-FAILED {
  color: var(--jp-error-color1);
}

.mlops-Status-KILLED {
  color: var(--jp-warn-color0, var(--jp-warn-color1));
}

.mlops-Status-RUNNING,
.mlops-Status-SCHEDULED {
  color: var(--jp-brand-color1);
}

.mlops-Model {
  padding: 4px 8px 8px;
}

.mlops-Model h3 {
  display: flex;
  align-items: center;
  justify-content: space-between;
  gap: 8px;
  margin: 0;
  font-size: var(--jp-ui-font-size1);
  overflow-wrap: anywhere;
}

.mlops-Model ul {
  margin: 0;
  padding: 0;
  list-style: none;
}

.mlops-Version {
  padding: 4px 0;
  border-bottom: 1px solid var(--jp-border-color2);
}

.mlops-Version-first {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 4px 6px;
}

.mlops-Version-first b {
  font-weight: 600;
}

.mlops-Version-acts {
  display: flex;
  gap: 4px;
  margin-left: auto;
}

.mlops-Version-facts {
  color: var(--jp-ui-font-color2);
  overflow-wrap: anywhere;
}

.mlops-Alias {
  padding: 0 6px;
  border: 1px solid var(--jp-brand-color1);
  border-radius: 8px;
  font-size: var(--jp-ui-font-size0);
  overflow-wrap: anywhere;
}

.mlops-Badges {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
  padding: 2px 0 2px calc(var(--jp-cell-prompt-width) + var(--jp-cell-collapser-width) + 4px);
}

.mlops-Badge {
  display: inline-flex;
  align-items: center;
  gap: 6px;
  max-width: 100%;
  padding: 0 8px;
  border: 1px solid var(--jp-border-color2);
  border-radius: var(--jp-border-radius);
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size0);
  line-height: 18px;
}

button.mlops-Badge {
  cursor: pointer;
}

button.mlops-Badge:hover {
  background: var(--jp-layout-color2);
}

.mlops-Badge:focus-visible,
.mlops-Status-part:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.mlops-Badge-status {
  white-space: nowrap;
}

.mlops-Badge-name {
  overflow: hidden;
  max-width: 24em;
  font-weight: 600;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.mlops-Badge-honesty {
  padding-left: 6px;
  border-left: 1px solid var(--jp-border-color2);
  color: var(--jp-ui-font-color2);
}

.mlops-Badge-honesty.mlops-mod-doubtful {
  color: var(--jp-warn-color0);
}

.mlops-Badge.mlops-mod-finished .mlops-Badge-status {
  color: var(--jp-success-color0);
}

.mlops-Badge.mlops-mod-running .mlops-Badge-status {
  color: var(--jp-brand-color0);
}

.mlops-Badge.mlops-mod-failed .mlops-Badge-status,
.mlops-Badge.mlops-mod-killed .mlops-Badge-status {
  color: var(--jp-error-color1);
}

.mlops-Badges-more {
  color: var(--jp-ui-font-color2);
  font-size: var(--jp-ui-font-size0);
  line-height: 20px;
}
`,""]),r.d(e,{},{A:n})},39(o){o.exports=function(o){var e=[];return e.toString=function(){return this.map(function(e){var r="",t=void 0!==e[5];return e[4]&&(r+="@supports (".concat(e[4],") {")),e[2]&&(r+="@media ".concat(e[2]," {")),t&&(r+="@layer".concat(e[5].length>0?" ".concat(e[5]):""," {")),r+=o(e),t&&(r+="}"),e[2]&&(r+="}"),e[4]&&(r+="}"),r}).join("")},e.i=function(o,r,t,a,l){"string"==typeof o&&(o=[[null,o,void 0]]);var n={};if(t)for(var p=0;p<this.length;p++){var i=this[p][0];null!=i&&(n[i]=!0)}for(var s=0;s<o.length;s++){var d=[].concat(o[s]);t&&n[d[0]]||(void 0!==l&&(void 0===d[5]||(d[1]="@layer".concat(d[5].length>0?" ".concat(d[5]):""," {").concat(d[1],"}")),d[5]=l),r&&(d[2]&&(d[1]="@media ".concat(d[2]," {").concat(d[1],"}")),d[2]=r),a&&(d[4]?(d[1]="@supports (".concat(d[4],") {").concat(d[1],"}"),d[4]=a):d[4]="".concat(a)),e.push(d))}},e}},38(o){o.exports=function(o){return o[1]}},31(o){var e=[];function r(o){for(var r=-1,t=0;t<e.length;t++)if(e[t].identifier===o){r=t;break}return r}function t(o,t){for(var a={},l=[],n=0;n<o.length;n++){var p=o[n],i=t.base?p[0]+t.base:p[0],s=a[i]||0,d="".concat(i," ").concat(s);a[i]=s+1;var c=r(d),m={css:p[1],media:p[2],sourceMap:p[3],supports:p[4],layer:p[5]};if(-1!==c)e[c].references++,e[c].updater(m);else{var u=function(o,e){var r=e.domAPI(e);return r.update(o),function(e){e?(e.css!==o.css||e.media!==o.media||e.sourceMap!==o.sourceMap||e.supports!==o.supports||e.layer!==o.layer)&&r.update(o=e):r.remove()}}(m,t);t.byIndex=n,e.splice(n,0,{identifier:d,updater:u,references:1})}l.push(d)}return l}o.exports=function(o,a){var l=t(o=o||[],a=a||{});return function(o){o=o||[];for(var n=0;n<l.length;n++){var p=r(l[n]);e[p].references--}for(var i=t(o,a),s=0;s<l.length;s++){var d=r(l[s]);0===e[d].references&&(e[d].updater(),e.splice(d,1))}l=i}}},33(o){var e={};o.exports=function(o,r){var t=function(o){if(void 0===e[o]){var r=document.querySelector(o);if(window.HTMLIFrameElement&&r instanceof window.HTMLIFrameElement)try{r=r.contentDocument.head}catch(o){r=null}e[o]=r}return e[o]}(o);if(!t)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");t.appendChild(r)}},35(o){o.exports=function(o){var e=document.createElement("style");return o.setAttributes(e,o.attributes),o.insert(e,o.options),e}},34(o,e,r){o.exports=function(o){var e=r.nc;e&&o.setAttribute("nonce",e)}},32(o){o.exports=function(o){if("u"<typeof document)return{update:function(){},remove:function(){}};var e=o.insertStyleElement(o);return{update:function(r){var t,a,l;t="",r.supports&&(t+="@supports (".concat(r.supports,") {")),r.media&&(t+="@media ".concat(r.media," {")),(a=void 0!==r.layer)&&(t+="@layer".concat(r.layer.length>0?" ".concat(r.layer):""," {")),t+=r.css,a&&(t+="}"),r.media&&(t+="}"),r.supports&&(t+="}"),(l=r.sourceMap)&&"u">typeof btoa&&(t+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(l))))," */")),o.styleTagTransform(t,e,o.options)},remove:function(){var o;null===(o=e).parentNode||o.parentNode.removeChild(o)}}}},36(o){o.exports=function(o,e){if(e.styleSheet)e.styleSheet.cssText=o;else{for(;e.firstChild;)e.removeChild(e.firstChild);e.appendChild(document.createTextNode(o))}}},30(o,e,r){var t=r(31),a=r.n(t),l=r(32),n=r.n(l),p=r(33),i=r.n(p),s=r(34),d=r.n(s),c=r(35),m=r.n(c),u=r(36),f=r.n(u),v=r(37),g={};g.styleTagTransform=f(),g.setAttributes=d(),g.insert=i().bind(null,"head"),g.domAPI=n(),g.insertStyleElement=m(),a()(v.A,g),v.A&&v.A.locals&&v.A.locals}}]);