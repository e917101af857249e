"use strict";(self.rspackChunkmlops_jupyter=self.rspackChunkmlops_jupyter||[]).push([[3],{45(t,e,s){var i=s(15);function o(t){return`application/vnd.mlops-jupyter.${t}+json`}async function r(t,e,s,o){let r=await t.run(e,s,t=>{"progress"===t.event?o(t.message):"away"===t.event&&o(t.message??"")},new AbortController().signal);if("result"!==r.event||r.failed)throw new i.L(r.status??0,r.error??"",r.message??r.event,r.hint??null);return r.data??{}}s.d(e,{},{Rv:async function(t,e,s,i=()=>void 0){let n=await r(t,e,s,i),a=n[o("deployment")];if(void 0===a)return n["text/plain"]??"";let l=a.versions.map(e=>e.shadow?t.trans.__("version %1 shadow",e.version):t.trans.__("version %1 %2 %",e.version,Number(Number(e.percent).toPrecision(4))));return[`${e}: ${l.join(", ")}`,...a.notes].join("; ")},g1:async function(t,e,s,i,n=()=>void 0){let a=(await r(t,e,i,n))[o(s)];if(void 0===a)throw Error(t.trans.__("%1 has told nothing",e));return a},io:o})},40(t,e,s){s.d(e,{monitoringTab:()=>tl});var i=s(25),o=s(13),r=s(6),n=s(31),a=s.n(n),l=s(32),h=s.n(l),p=s(33),d=s.n(p),u=s(34),c=s.n(u),m=s(35),g=s.n(m),f=s(36),b=s.n(f),w=s(41),v={};function x(t,e={},...s){let i=document.createElement(t);for(let[t,s]of Object.entries(e))i.setAttribute(t,s);return i.append(...s),i}v.styleTagTransform=b(),v.setAttributes=c(),v.insert=d().bind(null,"head"),v.domAPI=h(),v.insertStyleElement=g(),a()(w.A,v),w.A&&w.A.locals&&w.A.locals;let k={__:(t,...e)=>y(t,e),_n:(t,e,s,...i)=>y(1===s?t:e,[s,...i])};function y(t,e){return t.replace(/%(\d)/g,(t,s)=>String(e[Number(s)-1]??t))}class _{trans;send;root=x("section",{class:"mlops-panel mlops-actions"});shares=x("div",{class:"mlops-shares"});question=x("div",{class:"mlops-question",role:"alertdialog","aria-live":"polite"});outcome=x("div",{class:"mlops-outcome",role:"status"});buttons=[];served="";offered=[];inputs=new Map;asking=null;constructor(t,e){this.trans=t,this.send=e,this.root.setAttribute("aria-label",t.__("Traffic"));let s=this.button(t.__("shift traffic"),()=>this.shift()),i=this.button(t.__("roll back"),()=>this.ask(t.__("Let it serve what it served before the last change?"),{ask:"rollback"},i));this.root.append(x("header",{},x("b",{},t.__("Traffic"))),this.shares,x("div",{class:"mlops-buttons"},s,i),this.question,this.outcome),this.question.hidden=!0}show(t){this.root.hidden=0===t.served.length;let e=JSON.stringify([t.served,t.variants]);e!==this.served&&(this.served=e,this.offered=t.served,this.inputs.clear(),this.shares.replaceChildren(...t.served.map(e=>{let s=e.shadow?this.trans.__("shadow"):t.variants[e.version]??"",i=this.trans.__("version %1 %2",e.version,s),o=x("input",{type:"number",min:"0",max:"100",step:"any",value:String(e.percent),"aria-label":this.trans.__("share of version %1 in percent",e.version)});return this.inputs.set(e.version,o),x("label",{},x("span",{},i),o,"%")})))}told(t){"distribution"!==t.what&&this.busy(!1),this.outcome.textContent=t.words,this.outcome.classList.toggle("mlops-alarm",t.failed)}acknowledge(t,e,s){this.ask(this.trans.__("Acknowledge %1 for an hour?",e),{ask:"acknowledge",alert:t},s)}shift(){var t;let e=new Map([...this.inputs].map(([t,e])=>[t,Number(e.value)])),s=(t=this.offered,Object.fromEntries(t.filter(({version:t,shadow:s})=>!s||0!==e.get(t)).map(({version:t})=>[t,e.get(t)??0]))),i=Object.values(s).reduce((t,e)=>t+e,0);if(Math.abs(i-100)>1e-6){this.outcome.textContent=this.trans.__("the shares sum to %1, not to 100",Number(i.toFixed(6))),this.outcome.classList.add("mlops-alarm"),[...this.inputs.values()][0]?.focus();return}let o=Object.entries(s).map(([t,e])=>this.trans.__("version %1 %2 %",t,e)),r=Object.entries(s).filter(([,t])=>0===t),n=r.map(([t])=>t).join(", "),a=r.length?` ${this.trans._n("Version %2 will be let go.","Versions %2 will be let go.",r.length,n)}`:"";this.ask(this.trans.__("Share the traffic out as %1?",o.join(", "))+a,{ask:"share",shares:s},this.buttons[0])}ask(t,e,s){this.asking=s;let i=x("button",{type:"button",class:"mlops-yes"},this.trans.__("yes")),o=x("button",{type:"button"},this.trans.__("no"));i.addEventListener("click",()=>{this.answered(),this.busy(!0),this.outcome.classList.remove("mlops-alarm"),this.outcome.textContent="…",this.send(e)}),o.addEventListener("click",()=>this.answered()),this.question.replaceChildren(x("span",{},t),i,o),this.question.setAttribute("aria-label",t),this.question.hidden=!1,this.question.onkeydown=t=>{"Escape"===t.key&&this.answered()},o.focus()}answered(){this.question.hidden=!0,this.question.replaceChildren(),this.asking?.focus()}busy(t){for(let e of this.buttons)e.disabled=t;this.root.toggleAttribute("aria-busy",t)}button(t,e){let s=x("button",{type:"button"},t);return s.addEventListener("click",e),this.buttons.push(s),s}}var $=s(44);function C(t){return null==t?"–":0===t?"0":t>=100?Math.round(t).toLocaleString("en"):String(Number(t.toPrecision(3)))}function S(t){return null==t?"–":t<.001?`${Number((1e6*t).toPrecision(3))} \xb5s`:t<1?`${Number((1e3*t).toPrecision(3))} ms`:`${Number(t.toPrecision(3))} s`}function A(t){if(null==t)return"–";let e=100*t;return`${0===e||e>=10?Math.round(10*e)/10:Number(e.toPrecision(2))} %`}function j(t,e=3){return null==t?"–":String(Number(t.toPrecision(e)))}function M(t){return t.toLocaleString("en")}function q(t,e){let s={hour:"2-digit",minute:"2-digit",hourCycle:"h23"};return new Date(1e3*t).toLocaleTimeString("en-GB",e?{...s,second:"2-digit"}:s)}function N(t){let e=new Date(1e3*t).toLocaleDateString("en-CA");return`${e} ${q(t,!0)}`}let L=["#2f7ed8","#d9730d","#2b9a57","#d6457a","#8f66d0","#0f93a8","#a6752f","#808080"],E=[[],[6,3],[2,2],[8,3,2,3],[1,3]],O=t=>L[t%L.length],z=t=>E[t%E.length];class P{onZoom;key;static made=0;charts=[];zoom=null;constructor(t){this.onZoom=t,this.key=`mlops-monitor-${++P.made}`}set(t){for(let e of(this.zoom=t,this.charts))e.span();this.onZoom()}}class T{words;together;factor;root;place=x("div",{class:"mlops-chart-plot"});keys=x("div",{class:"mlops-chart-keys"});plot=null;shape="";data=[[]];lines=[];range=0;constructor(t,e,s,i,o=1){this.words=s,this.together=i,this.factor=o;let r=x("figcaption",{},x("b",{},t)," ",x("span",{class:"mlops-faint"},e));this.root=x("figure",{class:"mlops-chart","aria-label":t},r,this.place,this.keys),i.charts.push(this)}show(t,e,s){let i=JSON.stringify(e.map(t=>[t.label,t.style]));this.lines=e,this.range=s;let o=1===this.factor?e.map(t=>t.values):e.map(t=>t.values.map(t=>null===t?null:t*this.factor));this.data=[t,...o],null===this.plot||i!==this.shape?(this.plot?.destroy(),this.shape=i,this.plot=new $.A(this.options(),this.data,this.place),this.span()):this.plot.batch(()=>{this.plot.setData(this.data,!1),this.span()}),this.read()}fit(){let t=this.place.clientWidth;this.plot&&t>0&&t!==this.plot.width&&this.plot.setSize({width:t,height:150})}repaint(){this.plot?.redraw(!1)}span(){let t=this.data[0];if(!this.plot||0===t.length)return;let e=t[t.length-1],[s,i]=this.together.zoom??[e-this.range,e];this.plot.setScale("x",{min:s,max:i})}destroy(){this.plot?.destroy(),this.plot=null}options(){let t=t=>()=>{let e=getComputedStyle(this.place).color.match(/[\d.]+/g)??["127","127","127"];return`rgba(${e[0]},${e[1]},${e[2]},${t})`},e={stroke:t(.75),grid:{stroke:t(.1),width:1},ticks:{stroke:t(.2),width:1,size:3},font:"11px system-ui, sans-serif"};return{width:Math.max(this.place.clientWidth,120),height:150,legend:{show:!1},cursor:{drag:{x:!0,y:!1,dist:4,setScale:!1},points:{size:5},sync:{key:this.together.key}},scales:{x:{time:!1},y:{range:(t,e,s)=>{var i,o;return i=e,o=s,null!==i&&null!==o&&o>0?[Math.min(0,i),1.08*o]:[Math.min(0,i??0),1]}}},axes:[{...e,size:22,gap:2,space:64,incrs:D,values:(t,e,s,i,o)=>e.map(t=>q(t,o<60))},{...e,size:44,gap:3,space:28,values:(t,e)=>e.map(R)}],series:[{},...this.lines.map(t=>({stroke:O(t.style),width:1.5,dash:z(t.style),points:{show:!1},spanGaps:!1}))],hooks:{setCursor:[()=>this.read()],setSelect:[t=>{if(t.select.width<4)return;let e=[t.posToVal(t.select.left,"x"),t.posToVal(t.select.left+t.select.width,"x")];t.setSelect({left:0,top:0,width:0,height:0},!1),this.together.set(e)}],ready:[t=>t.over.addEventListener("dblclick",()=>this.together.set(null))]}}}read(){let t=this.data[0],e=this.plot?.cursor.idx,s=e??t.length-1,i=null==e?"":q(t[s],!0);this.keys.replaceChildren(...this.lines.map(t=>{var e;let i;return x("span",{class:"mlops-chart-key"},(e=t.style,(i=I("svg",{viewBox:"0 0 20 8","aria-hidden":"true",class:"mlops-swatch"})).append(I("path",{d:"M1 4h18",stroke:O(e),"stroke-width":"2","stroke-dasharray":z(e).join(" ")})),i),`${t.label} `,x("b",{},this.words(t.values[s])))}),x("span",{class:"mlops-faint"},i))}}let D=[1,2,5,10,15,30,60,120,300,600,900,1800,3600,7200,10800,21600,43200,86400,172800,604800];function R(t){if(null===t)return"";let e=Math.abs(t);return e>=1e6?`${Number((t/1e6).toPrecision(3))}M`:e>=1e4?`${Number((t/1e3).toPrecision(3))}k`:String(Number(t.toPrecision(3)))}function I(t,e,...s){let i=document.createElementNS("http://www.w3.org/2000/svg",t);for(let[t,s]of Object.entries(e))i.setAttribute(t,s);return i.append(...s),i}class B{trans;onOpen;root=x("section",{class:"mlops-panel mlops-drift"});version="";all=!1;opened=null;reports=[];spread=null;past=()=>[];drawn="";constructor(t,e){this.trans=t,this.onOpen=e,this.root.setAttribute("aria-label",t.__("Drift"))}show(t,e,s){this.reports=t,this.spread=e,this.past=s,this.draw()}draw(){var t;let e=this.reports.find(t=>t.version===this.version)??this.reports[0],s=JSON.stringify([e,this.all,this.opened,this.opened&&[this.spread,this.past(this.opened)]]);if(s===this.drawn)return;this.drawn=s;let i=document.activeElement?.dataset?.feature;if(this.root.hidden=void 0===e,!e)return;let o=[...(t=e).features.map(t=>({feature:t,output:!1})),...t.outputs.map(t=>({feature:t,output:!0}))].map(t=>({...t,excess:function([,,t,e]){return null===t?-1:null===e?0:e>0?t/e:t}(t.feature)})).sort((t,e)=>Number(F(e.feature))-Number(F(t.feature))||e.excess-t.excess),r=this.all?o:o.slice(0,12),n=Math.max(2,...o.map(t=>t.excess)),a=o.filter(t=>F(t.feature)).length,l=e.rows[1]>0?this.trans.__("%1 of %2 \xb7 %3 rows against %4",a,o.length,M(e.rows[1]),e.baseline):this.trans.__("no rows yet against %1",e.baseline);this.root.replaceChildren(x("header",{},x("b",{},this.trans.__("Drift")),this.versions(e),x("span",{class:"mlops-faint"},o.length?l:this.trans.__("not known"))),x("div",{class:"mlops-drift-rows",role:"list"},...r.map(t=>this.row(e,t,n))),...o.length>12?[this.more(o.length)]:[],...e.notes.map(t=>x("div",{class:"mlops-faint"},t))),void 0!==i&&this.root.querySelector(`[data-feature="${CSS.escape(i)}"]`)?.focus()}versions(t){if(this.reports.length<2)return x("span",{},t.version&&this.trans.__("version %1",t.version));let e=x("select",{"aria-label":this.trans.__("version")},...this.reports.map(t=>x("option",{value:t.version},this.trans.__("version %1",t.version))));return e.value=t.version,e.addEventListener("change",()=>{this.version=e.value,this.open(null)}),e}row(t,e,s){let[i,o,r,n,a,l,h,p]=e.feature,d=this.opened?.feature===i&&this.opened.output===e.output&&this.opened.version===t.version,u=x("span",{class:"mlops-bar"}),c=x("span",{class:a?"mlops-bar-far":"mlops-bar-near"});c.style.width=`${100*Math.max(0,e.excess)/s}%`;let m=x("span",{class:"mlops-bar-mark"});m.style.left=`${100/s}%`,u.append(c,m);let g=[a?this.trans.__("drifted"):"",l.length?this.trans.__("missing %1 → %2",A(l[0]),A(l[1])):"",h].filter(Boolean),f=x("button",{type:"button",class:"mlops-drift-row","data-feature":`${e.output?"→":""}${i}`,"aria-expanded":String(d),title:this.trans.__("%1: %2 %3, threshold %4",i,o,j(r),j(n))},x("span",{class:"mlops-drift-name"},e.output?`→ ${i}`:i),u,x("b",{},j(r)),x("span",{class:"mlops-faint"},`${o.replace("_","-")} / ${j(n)}`),x("span",{class:a||l.length?"mlops-alarm":"mlops-faint"},g.join("; ")));f.disabled=!p,f.addEventListener("click",()=>this.open(d?null:{version:t.version,feature:i,output:e.output}));let b=x("div",{role:"listitem"},f);return d&&b.append(this.overlay(n)),b}overlay(t){var e,s,i,o,r,n,a;let l,h,p,d,u,c,m,g,f,b,w,v=this.spread,k=this.opened&&v?.feature===this.opened.feature&&v.version===this.opened.version&&v.output===this.opened.output;if(!k||!v.spread)return x("div",{class:"mlops-overlay mlops-faint"},k?this.trans.__("there is no distribution"):"…");let y=this.past(this.opened),_=x("div",{class:"mlops-overlay"},(e=v.spread,s=this.trans,l=Math.max(...e.baseline,...e.now,1e-9),h=420/Math.max(1,e.baseline.length),p=t=>90*(1-t/l),d=e.baseline.map((t,i)=>{let o=I("rect",{x:String(i*h+.5),y:String(p(t)),width:String(Math.max(1,h-1)),height:String(90-p(t))});return o.append(I("title",{},document.createTextNode(s.__("%1: %2 then, %3 now",W(e,i,s),A(t),A(e.now[i]))))),o}),u=e.now.map((t,e)=>`${e?"V":"M0 "}${p(t)}H${(e+1)*h}`).join(""),I("svg",{viewBox:"0 -2 420 94",role:"img",class:"mlops-histogram",preserveAspectRatio:"none"},I("title",{},document.createTextNode(s.__("baseline and now"))),I("g",{class:"mlops-histogram-then"},...d),I("path",{class:"mlops-histogram-now",d:u}))),(i=v.spread,o=this.trans,c=i.baseline.length-1,m=Object.entries(i.scores).map(([t,e])=>`${t.replace("_","-")} ${j(e)}`),x("div",{class:"mlops-overlay-words"},x("span",{},W(i,0,o)),x("span",{},c>0?W(i,c,o):""),x("span",{class:"mlops-faint"},o.__("filled: baseline, line: now \xb7 %1",m.join(" \xb7 "))))));return y.filter(t=>null!==t).length>1&&_.append(x("div",{class:"mlops-faint"},this.trans.__("score over the time range, threshold dashed")),(r=y,n=t,a=this.trans,g=1.1*Math.max(n??0,...r.map(t=>t??0),1e-9),f=t=>36*(1-t/g),b="M",w=r.map((t,e)=>{if(null===t)return b="M","";let s=`${b}${(420*e/Math.max(1,r.length-1)).toFixed(1)} ${f(t).toFixed(1)}`;return b="L",s}),I("svg",{viewBox:"0 0 420 36",role:"img",class:"mlops-history",preserveAspectRatio:"none"},I("title",{},document.createTextNode(a.__("score over time"))),I("path",{class:"mlops-history-score",d:w.join("")}),...null===n?[]:[I("path",{class:"mlops-history-threshold",d:`M0 ${f(n)}H420`})]))),_}more(t){let e=x("button",{type:"button",class:"mlops-link"},this.all?this.trans.__("fewer"):this.trans.__("all %1",t));return e.addEventListener("click",()=>{this.all=!this.all,this.draw()}),e}open(t){this.opened=t,this.onOpen(t),this.draw()}}function F(t){return 1===t[4]||t[5].length>0}function W(t,e,s){return t.names.length?t.names[e]??"":s.__("%1 to %2",j(t.edges[e],4),j(t.edges[e+1],4))}class J{trans;title;root;drawn="";constructor(t,e,s){this.trans=t,this.title=e,this.root=x("section",{class:`mlops-panel ${s}`,"aria-label":e}),this.root.hidden=!0}draw(t,e,s,i){let o=JSON.stringify(t);o===this.drawn||(this.drawn=o,this.root.hidden=e,e||this.root.replaceChildren(x("header",{},x("b",{},this.title),x("span",{class:"mlops-faint"},s)),...i()))}}class V extends J{constructor(t){super(t,t.__("Quality"),"mlops-quality")}show(t){let e=t.reduce((t,e)=>t+e.labelled,0),s=t.reduce((t,e)=>t+e.rows,0);this.draw(t,0===t.length,this.trans.__("%1 of %2 rows labelled",M(e),M(s)),()=>t.flatMap(e=>e.metrics.map(s=>this.row(t.length>1?`${s[0]} \xb7 ${e.version}`:s[0],s))))}row(t,[,e,s,i]){let o=x("span",{class:"mlops-bar"});if(null!==e&&null!==s&&null!==i&&s>=0&&i<=1){let t=x("span",{class:"mlops-interval"});t.style.left=`${100*s}%`,t.style.width=`${Math.max(1,100*(i-s))}%`;let r=x("span",{class:"mlops-point"});r.style.left=`${100*e}%`,o.append(t,r)}let r=null===s||null===i?"":this.trans.__("%1 to %2",j(s),j(i));return x("div",{class:"mlops-row"},x("span",{class:"mlops-row-name"},t),o,x("b",{},j(e)),x("span",{class:"mlops-faint",title:this.trans.__("95 % confidence interval")},r))}}class Z extends J{onAcknowledge;constructor(t,e){super(t,t.__("Alerts"),"mlops-alerts"),this.onAcknowledge=e}show(t){let e=t.filter(t=>!t.silenced).length;this.draw(t,0===t.length,this.trans.__("%1 firing",e),()=>t.map(t=>this.row(t)))}row(t){let e=x("div",{class:`mlops-alert ${t.silenced?"mlops-silenced":""}`},x("span",{class:`mlops-badge ${"page"===t.severity&&!t.silenced?"mlops-badge-failed":"mlops-badge-warning"}`},t.severity),x("b",{},t.name),x("span",{},t.summary),x("span",{class:"mlops-faint"},this.trans.__("since %1",N(t.since))));if(t.silenced)e.append(x("span",{class:"mlops-faint"},this.trans.__("acknowledged")));else{let s=x("button",{type:"button","aria-label":this.trans.__("acknowledge %1",t.name)},this.trans.__("acknowledge"));s.addEventListener("click",()=>this.onAcknowledge(t,s)),e.append(s)}return e}}class Q extends J{constructor(t){super(t,t.__("Decisions"),"mlops-decisions")}show(t){this.draw(t,0===t.length,"",()=>[...t].reverse().slice(0,8).map(([t,e,s,i,o])=>x("div",{class:"mlops-decision"},x("span",{class:"mlops-faint"},N(t)),x("b",{},s),x("span",{},this.trans.__("version %1 at %2 %: %3",e,j(o),i)))))}}let U=[900,3600,21600,86400],K=0;class G{store;trans;root=x("section",{class:"mlops-monitor mlops-widget"});id=`view-${++K}-${Math.random().toString(36).slice(2)}`;together=new P(()=>this.onZoom());charts;drift;quality;decisions;actions;alerts;status=x("span",{class:"mlops-badge"});source=x("span",{class:"mlops-faint"});ranges=x("div",{class:"mlops-ranges",role:"group"});pause=x("button",{type:"button","aria-pressed":"false"});unzoom=x("button",{type:"button"});tiles=x("div",{class:"mlops-tiles"});notes=x("div",{class:"mlops-notes",role:"status"});silence=x("div",{class:"mlops-alarm",role:"status"},"");visible=!1;paused=!1;asked=0;told=!1;since=0;leave=[];constructor(t,e,s,i,o=k){this.store=t,this.trans=o;let r=o.__("per second");this.charts={requests:new T(o.__("Requests"),r,C,this.together),durations:new T(o.__("Latency"),"ms",t=>S(t),this.together,1e3),errors:new T(o.__("Errors"),r,C,this.together),waiting:new T(o.__("In flight, queued"),o.__("requests"),t=>j(t),this.together)},this.silence.textContent=i??o.__("⚠ the kernel says nothing any more: this is how it was"),this.quality=new V(o),this.decisions=new Q(o),this.drift=new B(o,e=>t.send({ask:"open",...e??{feature:null}})),this.actions=new _(o,e=>t.send(e)),this.alerts=new Z(o,(t,e)=>this.actions.acknowledge(t.id,t.name,e)),this.root.setAttribute("aria-label",o.__("Dashboard of %1",e)),this.ranges.setAttribute("aria-label",o.__("time range")),this.pause.textContent=o.__("pause"),this.unzoom.textContent=o.__("whole range"),this.buildRanges(s),this.pause.addEventListener("click",()=>this.setPaused(!this.paused)),this.unzoom.addEventListener("click",()=>this.together.set(null)),this.unzoom.hidden=!0,this.silence.hidden=!0;let n=x("div",{class:"mlops-grid"},...Object.values(this.charts).map(t=>t.root));this.root.append(x("header",{class:"mlops-top"},this.status,x("b",{class:"mlops-title"},e),this.source,x("span",{class:"mlops-spring"}),this.unzoom,this.ranges,this.pause),this.silence,this.notes,this.tiles,this.alerts.root,n,x("div",{class:"mlops-panels"},this.drift.root,x("div",{class:"mlops-side"},this.actions.root,this.quality.root,this.decisions.root))),this.root.addEventListener("keydown",t=>{t.ctrlKey||t.metaKey||t.altKey||t.stopPropagation()}),this.watch()}destroy(){for(let t of this.leave)t();for(let t of(cancelAnimationFrame(this.asked),Object.values(this.charts)))t.destroy();this.visible=!1,this.tell()}setAway(t){this.actions.root.inert=t,this.root.classList.toggle("mlops-away",t),t?(this.root.dataset.status="unknown",this.status.textContent=this.trans.__("unknown"),this.status.className="mlops-badge mlops-badge-warning"):this.update()}watch(){let t=new IntersectionObserver(t=>{this.visible=t[t.length-1].isIntersecting,this.tell(),this.update()});t.observe(this.root);let e=new ResizeObserver(()=>Object.values(this.charts).forEach(t=>t.fit()));e.observe(this.root);let s=new MutationObserver(()=>Object.values(this.charts).forEach(t=>t.repaint()));s.observe(document.body,{attributes:!0,attributeFilter:["data-jp-theme-light","data-jp-theme-name","class"]});let i=()=>{this.tell(),this.update()};document.addEventListener("visibilitychange",i);let o=window.setInterval(()=>{this.renew(),this.listen()},5e3);this.leave=[this.store.onChange(t=>this.heard(t)),()=>window.clearInterval(o),()=>t.disconnect(),()=>e.disconnect(),()=>s.disconnect(),()=>document.removeEventListener("visibilitychange",i)]}tell(){let t=this.visible&&!document.hidden&&!this.paused;t!==this.told&&(this.told=t,this.since=Date.now(),this.store.send({ask:"seen",view:this.id,seen:t}))}renew(){this.told&&this.store.send({ask:"seen",view:this.id,seen:!0})}listen(){this.silence.hidden=!this.told||Date.now()-Math.max(this.since,this.store.heard)<15e3}heard(t){this.silence.hidden=!0,"alive"!==t&&("done"===t&&this.store.done&&this.actions.told(this.store.done),this.update())}update(){this.root.dataset.instants=String(this.store.instants),this.root.dataset.messages=String(this.store.received),!this.visible||document.hidden||this.paused||this.asked||(this.asked=requestAnimationFrame(()=>{this.asked=0,this.draw()}))}draw(){let{store:t}=this,{now:e}=t;if(e){this.status.textContent=e.status,this.status.className=`mlops-badge mlops-badge-${({ready:"ok",failed:"failed",starting:"running"})[e.status]??"warning"}`;let s=t.times[t.times.length-1];this.source.textContent=["endpoint"===e.source?this.trans.__("its own history"):e.source,void 0===s?"":q(s,!0)].filter(Boolean).join(" \xb7 "),this.root.dataset.status=e.status,this.drawNotes(e.notes),this.alerts.show(e.alerts),this.drift.show(e.reports,t.distribution,({version:e,feature:s,output:i})=>{let o=`${i?"→ ":""}${s}`,r=t.of("drift").find(t=>t.detail===o||t.detail===`${o} \xb7 ${e}`);return r?.values??[]}),this.quality.show(e.qualities),this.decisions.show(e.decisions),this.actions.show(e)}this.drawTiles(),this.drawCharts(),this.root.dataset.draws=String(Number(this.root.dataset.draws??0)+1)}drawNotes(t){this.notes.childElementCount===t.length&&t.every((t,e)=>this.notes.children[e].textContent===`⚠ ${t}`)||this.notes.replaceChildren(...t.map(t=>x("div",{},`⚠ ${t}`)))}versions(){let t=[...this.store.of("requests"),...this.store.of("rows")].filter(t=>t.values.some(t=>null!==t&&t>0)).map(t=>t.version),e=this.store.now?.served.map(t=>t.version)??[];return[...new Set([...e,...t])].filter(s=>t.includes(s)||e.includes(s))}drawCharts(){let{store:t}=this,e=this.versions(),s=e.length>1,i=t=>`${t}${this.store.now?.variants[t]?` ${this.store.now.variants[t]}`:""}`,o=(e,s,i,o)=>{let r=t.curves.find(t=>t?.what===e&&t.version===s);return r?[{label:i,style:o,values:r.values}]:[]},r=(t,r)=>e.flatMap((e,n)=>o(t,e,s?i(e):r,n)),n=s?e.flatMap((t,e)=>o("p95",t,`p95 ${i(t)}`,e)):e.flatMap(t=>["p50","p95","p99"].flatMap((e,s)=>o(e,t,e,s)));for(let e of(this.charts.requests.show(t.times,r("requests",this.trans.__("requests")),t.range),this.charts.durations.show(t.times,n,t.range),this.charts.errors.show(t.times,r("errors",this.trans.__("errors")),t.range),this.charts.waiting.show(t.times,[...o("in_flight","",this.trans.__("in flight"),0),...o("queued","",this.trans.__("queued"),1)],t.range),Object.values(this.charts)))e.fit();this.markRange()}drawTiles(){let{store:t}=this,e=this.versions(),s=s=>{let i=e.map(e=>t.last(s,e)).filter(t=>null!==t);return i.length?i.reduce((t,e)=>t+e,0):null},i=s=>{let i=e.map(e=>t.last(s,e)).filter(t=>null!==t);return i.length?Math.max(...i):null},o=s("requests"),r=s("errors"),n=null===o||null===r?null:o>0?r/o:+(r>0),a=(t.now?.reports??[]).filter(t=>t.rows[1]>0),l=a.flatMap(t=>[...t.features,...t.outputs]),h=l.filter(t=>t[4]||t[5].length).length,p=t.now?.qualities[0]?.metrics[0],d=[[this.trans.__("requests / s"),C(o),!1],["p95",S(i("p95")),!1],["p99",S(i("p99")),!1],[this.trans.__("errors"),A(n),null!==n&&n>.01],[this.trans.__("rows / s"),C(s("rows")),!1],[this.trans.__("drifted"),a.length?this.trans.__("%1 of %2",h,l.length):"–",h>0],...p?[[p[0],j(p[1]),!1]]:[]];this.tiles.childElementCount!==d.length&&this.tiles.replaceChildren(...d.map(()=>x("div",{class:"mlops-tile"},x("span",{class:"mlops-faint"}),x("b",{})))),d.forEach(([t,e,s],i)=>{let[o,r]=this.tiles.children[i].children;o.textContent!==t&&(o.textContent=t),r.textContent!==e&&(r.textContent=e),r.classList.toggle("mlops-alarm",s)})}buildRanges(t){for(let e of[...new Set([...U,t])].sort((t,e)=>t-e)){let t=x("button",{type:"button","data-range":String(e),"aria-pressed":"false"},function(t){for(let[e,s]of[["d",86400],["h",3600],["m",60]])if(t%s==0)return`${t/s} ${"m"===e?"min":e}`;return`${t} s`}(e));t.addEventListener("click",()=>{this.together.set(null),this.paused&&this.setPaused(!1),this.store.send({ask:"range",range:e})}),this.ranges.append(t)}}markRange(){for(let t of this.ranges.children)t.setAttribute("aria-pressed",String(Number(t.dataset.range)===this.store.range))}setPaused(t){this.paused=t,this.pause.textContent=t?this.trans.__("go on"):this.trans.__("pause"),this.pause.setAttribute("aria-pressed",String(t)),this.root.classList.toggle("mlops-paused",t),this.tell(),this.update()}onZoom(){this.unzoom.hidden=null===this.together.zoom,this.root.dataset.zoomed=String(null!==this.together.zoom)}}var H=s(45),X=s(12),Y=s(15),tt=s(16),te=s(17);class ts{lookers=new Set;asked=[];read=(function(t){let[e,s]=[0,0];return i=>{if(i.startsWith("event: "))s=Number(i.slice(7));else if(i.startsWith("id: "))e=Number(i.slice(4));else if(i.startsWith("data: ")){var o;let{buffer:r,...n}=JSON.parse(i.slice(6));t(s,{...n,n:e},void 0===r?[]:[(o=r,new DataView(Uint8Array.from(atob(o),t=>t.charCodeAt(0)).buffer))])}}})((t,e,s)=>{this.take(this.asked[t],e,s)});again;stream;constructor(t){let e={accept:"text/event-stream"};this.stream=new te.Z(s=>(this.asked=[...this.lookers],0===this.asked.length?null:t(`monitors${this.query()}`,{headers:e,signal:s})),t=>{this.read(t)},t=>{this.asked.forEach(e=>{e.told(t)})})}look(t){return this.lookers.add(t),this.stream.renew(),()=>{this.lookers.delete(t)&&this.stream.renew()}}query(){return(0,tt.P)({name:this.asked.map(({name:t})=>t),range:this.asked.map(({range:t})=>String(t)),notebook:this.asked.map(({notebook:t})=>t??"")})}take(t,e,s){if(this.lookers.has(t)){if("refused"!==e.kind)return void t.take(e,s);t.told(new Y.L(e.status,e.error,e.message,e.hint)),clearTimeout(this.again),this.again=setTimeout(()=>{this.stream.renew()},15e3)}}}class ti{send;times=[];curves=[];range;step=1;now=null;distribution=null;done=null;heard=Date.now();received=0;instants=0;next=null;asked=!0;listeners=new Set;constructor(t,e){this.send=e,this.range=t,this.begin()}onChange(t){return this.listeners.add(t),()=>this.listeners.delete(t)}begin(){this.asked=!0,this.send({ask:"begin"})}take(t,e){"series"===t.kind&&t.reset?this.asked=!1:null===this.next||t.n===this.next||this.asked||this.begin(),this.next=t.n+1,this.received++,this.heard=Date.now(),"series"!==t.kind||this.asked||this.append(t,e[0]),this.put(t)}put(t){for(let e of("now"===t.kind?this.now=t:"distribution"===t.kind?this.distribution=t:"done"===t.kind&&(this.done=t),this.listeners))e(t.kind)}of(t){return this.curves.filter(e=>e?.what===t)}last(t,e="",s=""){let i=this.curves.find(i=>i?.what===t&&i.version===e&&i.detail===s);return i?.values[i.values.length-1]??null}append(t,e){t.reset&&(this.times=[],this.curves=[],this.instants=0),this.range=t.range,this.step=t.step;let s=this.times.length;for(let[e,i,o,r]of t.new)this.curves[e]={what:i,version:o,detail:r,values:Array(s).fill(null)};if(!e||0===t.count)return;let{times:i,values:o}=function(t,e){let{count:s,columns:i}=t;if(e.byteLength!==8*s+4*s*i.length)throw Error(`${e.byteLength} bytes are not ${s} instants of ${i.length} curves`);let o=new Uint8Array(e.buffer,e.byteOffset,e.byteLength).slice().buffer;return{times:new Float64Array(o,0,s),values:i.map((t,e)=>new Float32Array(o,8*s+e*s*4,s))}}(t,e);this.times.push(...i),this.instants+=i.length;let r=new Map(t.columns.map((t,e)=>[t,o[e]]));this.curves.forEach((t,e)=>{let s=r.get(e);for(let e=0;e<i.length;e++){let i=s?s[e]:0/0;t.values.push(Number.isFinite(i)?i:null)}}),this.forget()}forget(){let t=this.times[this.times.length-1]-this.range,e=0;for(;this.times[e]<t;)e++;if(!(e<16))for(let t of(this.times.splice(0,e),this.curves))t?.values.splice(0,e)}}var to=s(18);class tr{api;monitors;name;notebook;range;deeds;told;store;seen=new Set;leave=null;opened=null;doing=!1;constructor(t,e,s,i,o,r,n){this.api=t,this.monitors=e,this.name=s,this.notebook=i,this.range=o,this.deeds=r,this.told=n,this.store=new ti(o,t=>this.asked(t)),this.store.onChange(t=>{"now"===t&&this.distribute()})}end(){this.seen.clear(),this.connect()}asked(t){switch(t.ask){case"begin":return void this.connect();case"seen":{let e=this.seen.size;this.seen[t.seen?"add":"delete"](t.view??""),e>0!=this.seen.size>0&&this.connect();return}case"range":return this.range=t.range??this.range,void this.connect();case"open":return this.opened=t.feature?{version:t.version??"",feature:t.feature,output:!0===t.output}:null,void this.distribute();case"share":return void this.act("share",()=>this.deeds.share(t.shares??{}));case"rollback":return void this.act("rollback",()=>this.deeds.rollBack());case"acknowledge":return void this.act("acknowledge",()=>this.acknowledge(t.alert??""))}}connect(){if(this.leave?.(),this.leave=null,this.seen.size>0){let{name:t,notebook:e,range:s,told:i}=this;this.leave=this.monitors.look({name:t,notebook:e,range:s,told:i,take:(t,e)=>{this.store.take(t,e)}})}}async distribute(){let t=this.opened;if(null===t||null===this.leave)return;let{version:e,feature:s,output:i}=t;try{let o=this.path("/distribution",{version:e,feature:s,output:+!!i}),r=await this.api.json(o);this.opened===t&&this.store.put({kind:"distribution",n:0,...r})}catch(t){this.done("distribution",(0,to.Qm)(t),!0)}}async acknowledge(t){let e={method:"POST",body:JSON.stringify({alert:t})};return(await this.api.json(this.path("/acknowledge",{}),e)).words}async act(t,e){if(this.doing)return void this.done(t,this.api.trans.__("something else is being done still"),!0);this.doing=!0;try{this.done(t,await e(),!1)}catch(e){this.done(t,(0,to.Qm)(e),!0)}finally{this.doing=!1}}done(t,e,s){this.store.put({kind:"done",n:0,what:t,failed:s,words:e})}path(t,e){return`monitor/${encodeURIComponent(this.name)}${t}${(0,tt.P)({notebook:this.notebook,...e})}`}}let tn=new WeakMap;class ta extends r.Widget{place;name;alert=document.createElement("div");watch;view=null;constructor(t,e,s){super(),this.place=t,this.name=e,this.addClass("mlops-Monitoring"),this.node.tabIndex=0,this.alert.className="mlops-Section-wrong",this.alert.setAttribute("role","alert"),this.alert.hidden=!0,this.node.append(this.alert);let{serverSettings:i}=t.app.serviceManager,o=new X.jI(i,t.trans),r=tn.get(i)??new ts((t,e)=>o.ask(t,e));tn.set(i,r);let n=(t,e)=>(0,H.Rv)(o,t,{arguments:e,...null===s?{}:{notebook:s}});this.watch=new tr(o,r,e,s,900,{share:t=>n("traffic",{name:e,shares:Object.entries(t).map(([t,e])=>`${t}=${e}`)}),rollBack:()=>n("rollback",{name:e})},t=>this.told(t))}dispose(){this.view?.destroy(),this.watch.end(),super.dispose()}onAfterAttach(t){if(super.onAfterAttach(t),null===this.view){let{trans:t}=this.place,e=t.__("⚠ the server says nothing any more: this is how it was");this.view=new G(this.watch.store,this.name,900,e,t),this.node.append(this.view.root)}}told(t){this.view?.setAway(null!==t),this.alert.hidden=null===t,this.alert.textContent=null===t?"":(0,to.Qm)(t)}}function tl(t,e,s){let r=new i.MainAreaWidget({content:new ta(t,e,s)});return r.toolbar.hide(),r.id=`mlops-monitor-${encodeURIComponent(`${o.PathExt.dirname(s??"")}/${e}`)}`,r.title.label=t.trans.__("Monitor %1",e),r.title.caption=t.trans.__("What %1 does: throughput, latency, errors, drift, quality, alerts",e),r.title.closable=!0,r}},41(t,e,s){var i=s(38),o=s.n(i),r=s(39),n=s.n(r),a=s(42),l=s(43),h=n()(o());h.i(a.A),h.i(l.A),h.push([t.id,`/* The picture that is kept for readers without a kernel gives way to what is live. */
.jp-OutputArea:has(.mlops-monitor) .jp-OutputArea-child:has([role="group"][aria-label^="snapshot of "]),
[class~="output_container"]:has(.mlops-monitor)
  ~ [class~="output_container"]:has([role="group"][aria-label^="snapshot of "]) {
  display: none;
}
.mlops-monitor {
  --mlops-alarm: #d3382f;
  --mlops-tint: color-mix(in srgb, currentColor 6%, transparent);
  max-width: 72em;
  margin: 4px 0;
  padding: 10px 14px 12px;
  border: 1px solid var(--mlops-line);
  border-radius: 8px;
  color: var(--mlops-text);
  font-size: 12px;
  line-height: 1.5;
  font-variant-numeric: tabular-nums;
  container-type: inline-size;
}
body:is([data-jp-theme-light="false"], .vscode-dark) .mlops-monitor {
  --mlops-alarm: #ff7a70;
}
.mlops-monitor :focus-visible {
  outline: 2px solid var(--mlops-brand);
  outline-offset: 1px;
}
.mlops-monitor [hidden] {
  display: none !important;
}
.mlops-monitor .mlops-faint {
  opacity: 0.68;
}
.mlops-monitor .mlops-alarm {
  color: var(--mlops-alarm);
}
.mlops-top,
.mlops-panel > header,
.mlops-buttons,
.mlops-question {
  display: flex;
  align-items: center;
  flex-wrap: wrap;
  gap: 4px 10px;
}
.mlops-title {
  font-size: 15px;
}
.mlops-spring {
  flex: 1;
}
.mlops-monitor button,
.mlops-monitor select,
.mlops-monitor input {
  padding: 2px 9px;
  border: 1px solid var(--mlops-line);
  border-radius: 4px;
  background: var(--mlops-field);
  color: inherit;
  font: inherit;
}
.mlops-monitor button:not(:disabled) {
  cursor: pointer;
}
.mlops-monitor button:not(:disabled):hover {
  background: var(--mlops-tint);
}
.mlops-monitor button[aria-pressed="true"] {
  border-color: var(--mlops-brand);
  background: color-mix(in srgb, var(--mlops-brand) 18%, transparent);
}
.mlops-ranges {
  display: flex;
}
.mlops-ranges button {
  margin-left: -1px;
  border-radius: 0;
}
.mlops-ranges button:first-child {
  border-radius: 4px 0 0 4px;
}
.mlops-ranges button:last-child {
  border-radius: 0 4px 4px 0;
}
.mlops-badge {
  padding: 0 8px;
  border-radius: 4px;
  background: #5f6368;
  color: #fff;
  font-size: 11px;
}
.mlops-badge-ok {
  background: #2e7d32;
}
.mlops-badge-running {
  background: #1565c0;
}
.mlops-badge-warning {
  background: #a65f00;
}
.mlops-badge-failed {
  background: #c62828;
}
.mlops-notes {
  margin-top: 2px;
}
.mlops-tiles {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(88px, 1fr));
  gap: 8px;
  margin: 8px 0;
}
.mlops-tile {
  display: flex;
  flex-direction: column;
  padding: 5px 10px;
  border-radius: 6px;
  background: var(--mlops-tint);
}
.mlops-tile b {
  font-size: 18px;
  font-weight: 600;
  line-height: 1.25;
  white-space: nowrap;
}
.mlops-grid {
  display: grid;
  grid-template-columns: repeat(2, minmax(0, 1fr));
  gap: 8px 18px;
}
.mlops-chart {
  min-width: 0;
  margin: 0;
}
.mlops-chart-plot {
  min-height: 150px;
}
.mlops-chart-keys {
  display: flex;
  flex-wrap: wrap;
  gap: 0 12px;
  min-height: 1.5em;
}
.mlops-swatch {
  width: 20px;
  height: 8px;
  margin-right: 4px;
  vertical-align: middle;
  fill: none;
}
.mlops-panels {
  display: grid;
  grid-template-columns: minmax(0, 3fr) minmax(0, 2fr);
  gap: 10px 18px;
  margin-top: 10px;
}
.mlops-panels:has(> .mlops-drift[hidden]) {
  grid-template-columns: minmax(0, 1fr);
}
.mlops-side {
  display: flex;
  flex-direction: column;
  gap: 10px;
  min-width: 0;
}
.mlops-panel {
  min-width: 0;
  padding-top: 6px;
  border-top: 1px solid var(--mlops-line);
}
.mlops-panel > header {
  margin-bottom: 3px;
}
.mlops-monitor .mlops-drift-row,
.mlops-row {
  display: grid;
  grid-template-columns: minmax(6em, 9em) minmax(80px, 1fr) 3.6em minmax(0, 13em) minmax(0, 6em);
  align-items: center;
  gap: 0 10px;
  width: 100%;
  padding: 1px 4px;
  border: 0;
  background: none;
  text-align: left;
}
.mlops-drift-row > :last-child,
.mlops-drift-name,
.mlops-row-name {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.mlops-drift-row > .mlops-faint {
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.mlops-row {
  grid-template-columns: minmax(5em, 9em) minmax(60px, 1fr) 4em 9em;
}
.mlops-bar {
  position: relative;
  display: block;
  height: 9px;
  border-radius: 2px;
  background: color-mix(in srgb, currentColor 13%, transparent);
}
.mlops-bar > span {
  position: absolute;
  top: 0;
  bottom: 0;
  border-radius: 2px;
}
.mlops-bar-near {
  background: #2f7ed8;
}
.mlops-bar-far {
  background: var(--mlops-alarm);
}
.mlops-bar > .mlops-bar-mark {
  top: -2px;
  bottom: -2px;
  width: 1px;
  background: currentColor;
}
.mlops-interval {
  background: color-mix(in srgb, #2b9a57 45%, transparent);
}
.mlops-bar > .mlops-point {
  top: -2px;
  bottom: -2px;
  width: 3px;
  margin-left: -1px;
  background: #2b9a57;
}
.mlops-overlay {
  padding: 4px 4px 8px 14px;
}
.mlops-histogram {
  display: block;
  width: 100%;
  max-width: 460px;
  height: 90px;
}
.mlops-histogram-then {
  fill: currentColor;
  fill-opacity: 0.25;
}
.mlops-histogram-now {
  fill: none;
  stroke: #d9730d;
  stroke-width: 2;
  vector-effect: non-scaling-stroke;
}
.mlops-history {
  display: block;
  width: 100%;
  max-width: 460px;
  height: 36px;
  fill: none;
  stroke-width: 1.5;
}
.mlops-history path {
  vector-effect: non-scaling-stroke;
}
.mlops-history-score {
  stroke: #2f7ed8;
}
.mlops-history-threshold {
  stroke: currentColor;
  stroke-dasharray: 4 3;
  opacity: 0.6;
}
.mlops-overlay-words {
  display: flex;
  flex-wrap: wrap;
  justify-content: space-between;
  gap: 0 8px;
  max-width: 460px;
  font-size: 11px;
}
.mlops-overlay-words > :last-child {
  flex-basis: 100%;
}
.mlops-monitor .mlops-link {
  border: 0;
  background: none;
  color: var(--mlops-brand);
}
.mlops-shares {
  display: grid;
  gap: 3px;
  margin-bottom: 6px;
}
.mlops-shares label {
  display: flex;
  align-items: center;
  gap: 6px;
}
.mlops-shares span {
  flex: 1;
  overflow: hidden;
  text-overflow: ellipsis;
}
.mlops-shares input {
  width: 6em;
  text-align: right;
}
.mlops-question {
  margin-top: 6px;
  padding: 6px 10px;
  border: 1px solid var(--mlops-brand);
  border-radius: 6px;
}
.mlops-question span {
  flex: 1 1 14em;
}
.mlops-monitor .mlops-yes {
  border-color: var(--mlops-brand);
  font-weight: 600;
}
.mlops-outcome {
  min-height: 1.5em;
}
.mlops-alert,
.mlops-decision {
  display: flex;
  align-items: baseline;
  flex-wrap: wrap;
  gap: 2px 8px;
  padding: 2px 0;
}
.mlops-alerts {
  margin-bottom: 10px;
}
.mlops-silenced {
  opacity: 0.65;
}
.mlops-paused .mlops-grid {
  opacity: 0.75;
}
.mlops-away > :not(.mlops-top, .mlops-notes) {
  opacity: 0.5;
}
.mlops-monitor .u-select {
  background: color-mix(in srgb, var(--mlops-brand) 18%, transparent);
}
.mlops-monitor .u-cursor-x,
.mlops-monitor .u-cursor-y {
  border-color: currentColor;
  opacity: 0.45;
}
@container (max-width: 640px) {
  .mlops-grid,
  .mlops-panels {
    grid-template-columns: minmax(0, 1fr);
  }
}
`,""]),s.d(e,{},{A:h})},43(t,e,s){var i=s(38),o=s.n(i),r=s(39),n=(s.n(r))()(o());n.push([t.id,`/* The colours that chart and dashboard share, from the page they stand in. */
.mlops-widget {
  --mlops-line: var(--jp-border-color2, #7f7f7f59);
  --mlops-brand: var(--jp-brand-color1, #2f7ed8);
  --mlops-text: var(--jp-content-font-color1, CanvasText);
  --mlops-field: var(--jp-layout-color1, Canvas);
}

/* VS Code paints a widget's cell white, and has JupyterLab's light colours in a dark page, too. */
body[class*="vscode-"] .mlops-widget {
  --mlops-line: var(--vscode-panel-border);
  --mlops-brand: var(--vscode-focusBorder);
  --mlops-text: var(--vscode-editor-foreground);
  --mlops-field: var(--vscode-input-background);
}
body.vscode-dark .mlops-widget {
  color-scheme: dark;
}
body .cell-output-ipywidget-background:has(.mlops-widget) {
  background: transparent !important;
}
`,""]),s.d(e,{},{A:n})}}]);